"""The settings of the layer types that compute something in a deployed network, as data.

BVLC Caffe's types and the forks' types; the form of the tables is that of `caffe/messages.py`.
"""

LAYER_MESSAGES: dict[str, str] = {
    "ArgMaxParameter": """
        bool out_max_val=false
        uint32 top_k=1
        int32 axis
    """,
    "BatchNormParameter": """
        bool use_global_stats
        float moving_average_fraction=0.999~
        float eps=1e-5
        bool scale_bias=false
        FillerParameter scale_filler bias_filler
        Engine engine=DEFAULT~
    """,
    "BiasParameter": """
        int32 axis=1 num_axes=1
        FillerParameter filler
    """,
    "BNParameter": """
        FillerParameter slope_filler scale_filler bias_filler shift_filler
        float momentum=0.9~ eps=1e-5 var_eps=1e-10 decay=0.05~
        bool frozen=false moving_average=false
        int32 axis=1
        BatchNormMode bn_mode=LEARN
        Engine engine=DEFAULT~
    """,
    "ClipParameter": "float min max",
    "ConcatParameter": """
        int32 axis=1
        uint32 concat_dim=1
    """,
    "ConvolutionParameter": """
        uint32 num_output
        bool bias_term=true
        uint32 pad* kernel_size* stride* dilation*
        uint32 pad_h=0 pad_w=0 kernel_h kernel_w stride_h stride_w
        uint32 group=1 hole=1 hole_h=1 hole_w=1
        FillerParameter weight_filler bias_filler
        Engine engine=DEFAULT~
        string conv_algos_override~
        int32 axis=1
        bool force_nd_im2col=false~
    """,
    "CropParameter": """
        int32 axis=2
        uint32 offset*
    """,
    "DetectionOutputParameter": """
        uint32 num_classes
        bool share_location=true
        int32 background_label_id=0
        NonMaximumSuppressionParameter nms_param
        SaveOutputParameter save_output_param~
        CodeType code_type=CORNER
        bool variance_encoded_in_target=false
        int32 keep_top_k=-1
        float confidence_threshold
        bool visualize=false~
        float visualize_threshold~
        string save_file~
        bool normalized_bbox=true
    """,
    "DropoutParameter": """
        float dropout_ratio=0.5
        bool scale_train=true
    """,
    "DummyDataParameter": """
        FillerParameter data_filler*
        BlobShape shape*
        uint32 num* channels* height* width*
        bool refill=true
    """,
    "EltwiseParameter": """
        EltwiseOp operation=SUM
        float coeff*
        bool stable_prod_grad=true~
    """,
    "ELUParameter": "float alpha=1",
    "EmbedParameter": """
        uint32 num_output input_dim
        bool bias_term=true
        FillerParameter weight_filler bias_filler
    """,
    "ExpParameter": "float base=-1 scale=1 shift=0",
    "FlattenParameter": "int32 axis=1 end_axis=-1",
    "InnerProductParameter": """
        uint32 num_output
        bool bias_term=true
        FillerParameter weight_filler bias_filler
        int32 axis=1
        bool transpose=false normalize=false
    """,
    "InputParameter": "BlobShape shape*",
    "InterpParameter": """
        int32 height=0 width=0 zoom_factor=1 shrink_factor=1 pad_beg=0 pad_end=0
        string interp_type=bilinear
    """,
    "LogParameter": "float base=-1 scale=1 shift=0",
    "LRNParameter": """
        uint32 local_size=5
        float alpha=1 beta=0.75
        NormRegion norm_region=ACROSS_CHANNELS
        float k=1
        Engine engine=DEFAULT~
    """,
    "MishParameter": "Engine engine=DEFAULT~",
    "MVNParameter": """
        bool normalize_variance=true across_channels=false
        float eps=1e-9
    """,
    "NonMaximumSuppressionParameter": """
        float nms_threshold=0.3
        int32 top_k
        float eta=1
    """,
    "NormalizeParameter": """
        bool across_spatial=true
        FillerParameter scale_filler
        bool channel_shared=true
        float eps=1e-10
    """,
    "ParameterParameter": "BlobShape shape",
    "PermuteParameter": "uint32 order*",
    "PoolingParameter": """
        PoolMethod pool=MAX
        uint32 pad=0 pad_h=0 pad_w=0 kernel_size kernel_h kernel_w stride=1 stride_h stride_w
        Engine engine=DEFAULT~
        bool global_pooling=false
        RoundMode round_mode=CEIL
        bool ceil_mode=true
    """,
    "PowerParameter": "float power=1 scale=1 shift=0",
    "PReLUParameter": """
        FillerParameter filler
        bool channel_shared=false
    """,
    "PriorBoxParameter": """
        float min_size* max_size* aspect_ratio*
        bool flip=true clip=false
        float variance*
        uint32 img_size img_h img_w
        float step step_h step_w offset=0.5
        float offset_h* offset_w* width* height*
    """,
    "ProposalParameter": """
        uint32 feat_stride=16 base_size=16 min_size=16
        float ratio* scale*
        uint32 pre_nms_topn=6000 post_nms_topn=300
        float nms_thresh=0.7
    """,
    "PSROIPoolingParameter": """
        float spatial_scale
        int32 output_dim group_size
    """,
    "PythonParameter": """
        string module layer param_str
        bool share_in_parallel=false~
    """,
    "RecurrentParameter": """
        uint32 num_output=0
        FillerParameter weight_filler bias_filler
        bool debug_info=false~ expose_hidden=false
    """,
    "ReductionParameter": """
        ReductionOp operation=SUM
        int32 axis=0
        float coeff=1
    """,
    "ReLUParameter": """
        float negative_slope=0
        Engine engine=DEFAULT~
    """,
    "ReLU6Parameter": """
        float negative_slope=0
        Engine engine=DEFAULT~
    """,
    "ReorgParameter": """
        uint32 stride
        bool reverse=false
    """,
    "ReshapeParameter": """
        BlobShape shape
        int32 axis=0 num_axes=-1
    """,
    "ROIPoolingParameter": """
        uint32 pooled_h=0 pooled_w=0
        float spatial_scale=1
    """,
    "ScaleParameter": """
        int32 axis=1 num_axes=1
        FillerParameter filler
        bool bias_term=false
        FillerParameter bias_filler
    """,
    "ShuffleChannelParameter": "uint32 group=1",
    "SigmoidParameter": "Engine engine=DEFAULT~",
    "SliceParameter": """
        int32 axis=1
        uint32 slice_point* slice_dim=1
    """,
    "SoftmaxParameter": """
        Engine engine=DEFAULT~
        int32 axis=1
    """,
    "SPPParameter": """
        uint32 pyramid_height
        PoolMethod pool=MAX
        Engine engine=DEFAULT~
    """,
    "SwishParameter": "float beta=1",
    "TanHParameter": "Engine engine=DEFAULT~",
    "ThresholdParameter": "float threshold=0",
    "TileParameter": "int32 axis=1 tiles",
    "UpsampleParameter": """
        uint32 scale=2 scale_h scale_w
        bool pad_out_h=false pad_out_w=false
        uint32 upsample_h upsample_w
    """,
}
