"""The Caffe cases that other programs can read and get right, for cross-checks with them.

caffe2onnx 2.0.1: V2 networks with one input. It refuses V0, V1 and most layers beyond plain classifiers, and gets wrong
LRN with its own settings, MVN's epsilon, pooling windows clipped by the padding or outside, softmax over channels and
`slice_dim`.

OpenCV 4.14: plain networks, V1 too. It gets wrong, without a word, LRN across channels, `transpose`, Log, Swish, MVN's
epsilon, shared and duplicate layers, `pad_h` alone, dilated deconvolution, `slice_dim`, windows outside; it refuses or
crashes on the rest.
"""

CAFFE2ONNX_CASES = (
    "concat_single", "conv_1x1", "conv_asym_hw", "conv_basic", "conv_depthwise", "conv_dilation",
    "conv_full_kernel", "conv_groups", "conv_nobias", "conv_pad_h_only", "conv_stride2_floor", "deconv_basic",
    "deconv_dilation", "deconv_groups", "deconv_groups2", "dropout_test", "flatten", "fmt_unpacked",
    "fmt_v1_weights_v2_proto", "fmt_v2", "inplace_chain", "inplace_input", "input_dim_old", "ip_4d",
    "ip_nobias", "ip_pool_fc", "lrn_across_default", "mvn_default", "net_mini_resnet", "pool_ave_asym",
    "pool_ave_nopad_ceil", "pool_ave_pad", "pool_ave_pad_s1", "pool_default_stride1", "pool_floor",
    "pool_global_ave", "pool_max_ceil", "pool_max_exact", "power", "power_neg", "power_scale_only",
    "power_scale_zero", "power_zero", "relu", "relu_leaky", "reshape_0_neg1", "reshape_flatten", "scale_axis0",
    "scale_bias", "scale_nobias", "sigmoid", "slice_points", "softmax_2d", "softmax_axis_neg1", "tanh",
    "unordered_input_last",
)

OPENCV_CASES = (
    "conv_basic", "conv_stride2_floor", "conv_groups", "conv_depthwise", "conv_dilation", "conv_asym_hw",
    "conv_nobias", "conv_1x1", "conv_full_kernel", "conv_multi_bottom", "conv_1d", "deconv_basic",
    "deconv_groups", "deconv_groups2", "pool_max_ceil", "pool_max_exact", "pool_max_pad_clip",
    "pool_ave_nopad_ceil", "pool_ave_pad", "pool_ave_pad_s1", "pool_ave_asym", "pool_max_asym",
    "pool_global_ave", "pool_default_stride1", "pool_ave_window_outside", "lrn_within", "lrn_within_k_ignored",
    "ip_4d", "ip_pool_fc", "ip_axis2", "ip_axis0", "ip_nobias", "relu", "relu_leaky", "prelu_channel",
    "prelu_shared", "elu", "sigmoid", "tanh", "absval", "power", "power_zero", "power_scale_zero",
    "power_scale_only", "power_neg", "exp", "exp_base2", "bnll", "dropout_test", "inplace_chain",
    "inplace_then_branch", "inplace_input", "batchnorm", "batchnorm_sf1_default_eps", "batchnorm_global_true",
    "batchnorm_3params_old", "scale_nobias", "scale_bias", "scale_axis0", "scale_axis2", "scale_numaxes_all",
    "scale_scalar", "scale_two_bottoms", "eltwise_sum", "eltwise_sum_coeff", "eltwise_prod3", "eltwise_max3",
    "concat_c", "concat_axis0", "concat_axis2", "concat_single", "concat_2d", "split_explicit", "split_auto_3",
    "flatten", "flatten_axis2", "reshape_0_neg1", "reshape_flatten", "crop_default", "crop_axis1",
    "crop_no_param", "softmax_2d", "softmax_4d_c", "softmax_axis_neg1", "mvn_default", "mvn_novar",
    "mvn_across", "input_dim_old", "input_shape_old", "input_two_old", "unordered_input_last", "shared_params",
    "fmt_v2", "fmt_v1_both", "fmt_v1_blobshape", "fmt_v1_weights_v2_proto", "fmt_unpacked", "net_mini_resnet",
    "net_vggface_small",
)
