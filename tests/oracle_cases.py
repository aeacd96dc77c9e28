"""The Caffe cases that caffe2onnx 2.0.1 can convert and gets right: networks in the V2 format with one input.

Left out are those it refuses (V0, V1, most layers beyond plain classifiers) and those it gets wrong: LRN with its own
settings, MVN's epsilon, pooling windows clipped by the padding or outside, softmax over channels, `slice_dim`.
"""

ORACLE_CASES = (
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
