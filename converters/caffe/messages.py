"""The messages that hold a Caffe network together, and all enums, as data: the net, layers of three formats, blobs.

Facts of `src/caffe/proto/caffe.proto` of BVLC Caffe 1.0 and of the forks that people really have: SSD (weiliu89),
SegNet, PSPNet and DeepLab, Faster R-CNN and R-FCN, ShuffleNet, NVIDIA, the YOLO ports, the face losses. Where two forks
use one field differently both forms are listed. The solver's messages are left out: a converter never needs them.

A line reads `type field field ...`; `field*` is repeated, `field=1` has a default, and a trailing `~` marks a field
that cannot change what a trained network computes (learning rates, engines, debugging). `caffe/schema.py` gives these
tables their meaning; the settings of single layer types stand in `caffe/layer_messages.py`, those of data and loss
layers in `caffe/training_messages.py`.
"""

ENUMS: dict[str, str] = {
    "Phase": "TRAIN=0 TEST=1",
    "Engine": "DEFAULT=0 CAFFE=1 CUDNN=2",
    "Precision": "DOUBLE=0 FLOAT=1 FLOAT16=2 INT=3 UINT=4",
    "DimCheckMode": "STRICT=0 PERMISSIVE=1",
    "VarianceNorm": "FAN_IN=0 FAN_OUT=1 AVERAGE=2",
    "NormalizationMode": "FULL=0 VALID=1 BATCH_SIZE=2 NONE=3",
    "Database": "LEVELDB=0 LMDB=1",
    "EltwiseOp": "PROD=0 SUM=1 MAX=2",
    "HingeNorm": "L1=1 L2=2",
    "NormRegion": "ACROSS_CHANNELS=0 WITHIN_CHANNEL=1",
    "PoolMethod": "MAX=0 AVE=1 STOCHASTIC=2",
    "RoundMode": "CEIL=0 FLOOR=1",
    "ReductionOp": "SUM=1 ASUM=2 SUMSQ=3 MEAN=4",
    "BatchNormMode": "LEARN=0 INFERENCE=1",
    "CodeType": "CORNER=1 CENTER_SIZE=2 CORNER_SIZE=3",
    "EmitType": "CENTER=0 MIN_OVERLAP=1",
    "AnnotationType": "BBOX=0",
    "ResizeMode": "WARP=1 FIT_SMALL_SIZE=2 FIT_LARGE_SIZE_AND_PAD=3",
    "PadMode": "CONSTANT=1 MIRRORED=2 REPEAT_NEAREST=3",
    "InterpolationMode": "LINEAR=1 AREA=2 NEAREST=3 CUBIC=4 LANCZOS4=5",
    "LocLossType": "L2=0 SMOOTH_L1=1",
    "ConfLossType": "SOFTMAX=0 LOGISTIC=1",
    "MatchType": "BIPARTITE=0 PER_PREDICTION=1",
    "MiningType": "NONE=0 MAX_NEGATIVE=1 HARD_EXAMPLE=2",
    "VideoType": "WEBCAM=0 VIDEO=1",
    "MarginType": "SINGLE=0 DOUBLE=1 TRIPLE=2 QUADRUPLE=3",
    "LayerType": (
        "NONE=0 ABSVAL=35 ACCURACY=1 ARGMAX=30 BNLL=2 CONCAT=3 CONTRASTIVE_LOSS=37 CONVOLUTION=4 DATA=5 "
        "DECONVOLUTION=39 DROPOUT=6 DUMMY_DATA=32 EUCLIDEAN_LOSS=7 ELTWISE=25 EXP=38 FLATTEN=8 HDF5_DATA=9 "
        "HDF5_OUTPUT=10 HINGE_LOSS=28 IM2COL=11 IMAGE_DATA=12 INFOGAIN_LOSS=13 INNER_PRODUCT=14 LRN=15 "
        "MEMORY_DATA=29 MULTINOMIAL_LOGISTIC_LOSS=16 MVN=34 POOLING=17 POWER=26 RELU=18 SIGMOID=19 "
        "SIGMOID_CROSS_ENTROPY_LOSS=27 SILENCE=36 SOFTMAX=20 SOFTMAX_LOSS=21 SPLIT=22 SLICE=33 TANH=23 "
        "WINDOW_DATA=24 THRESHOLD=31"
    ),
}

MESSAGES: dict[str, str] = {
    "NetParameter": """
        string name input*
        BlobShape input_shape*
        int32 input_dim*
        bool force_backward~ debug_info~
        NetState state
        LayerParameter layer*
        V1LayerParameter layers*
        Precision default_forward_type~ default_backward_type~ default_forward_math~ default_backward_math~
        float global_grad_scale=1~
        bool global_grad_scale_adaptive~
        string default_conv_algos_override~
        int32 reduce_buckets=3~ default_cudnn_math_override~
    """,
    "NetState": """
        Phase phase=TEST
        int32 level=0
        string stage*
    """,
    "NetStateRule": """
        Phase phase
        int32 min_level max_level
        string stage* not_stage*
    """,
    "BlobShape": "int64 dim*",
    "BlobProto": """
        BlobShape shape
        float data* diff*
        double double_data* double_diff*
        int32 num=0 channels=0 height=0 width=0
        Precision raw_data_type raw_diff_type
        string raw_data raw_diff
    """,
    "FillerParameter": """
        string type=constant
        float value=0 min=0 max=1 mean=0 std=1
        int32 sparse=-1
        VarianceNorm variance_norm=FAN_IN
        string file
    """,
    "ParamSpec": """
        string name
        DimCheckMode share_mode
        float lr_mult=1~ decay_mult=1~
    """,
    "LayerParameter": """
        string name type bottom* top*
        Phase phase
        float loss_weight*~
        ParamSpec param*
        BlobProto blobs*
        bool propagate_down*~ debug=false~
        NetStateRule include* exclude*
        TransformationParameter transform_param
        LossParameter loss_param~
        Precision forward_type~ backward_type~ forward_math~ backward_math~
        int32 cudnn_math_override~
        AccuracyParameter accuracy_param
        AnnotatedDataParameter annotated_data_param
        ArgMaxParameter argmax_param
        BatchNormParameter batch_norm_param
        BatchReductionParameter batch_reduction_param
        BiasParameter bias_param
        BNParameter bn_param
        CenterLossParameter center_loss_param
        ClipParameter clip_param
        ConcatParameter concat_param
        ContrastiveLossParameter contrastive_loss_param
        ConvolutionParameter convolution_param
        CropParameter crop_param
        DataParameter data_param
        DenseImageDataParameter dense_image_data_param
        DetectionEvaluateParameter detection_evaluate_param
        DetectionOutputParameter detection_output_param
        DropoutParameter dropout_param
        DummyDataParameter dummy_data_param
        EltwiseParameter eltwise_param
        ELUParameter elu_param
        EmbedParameter embed_param
        ExpParameter exp_param
        FlattenParameter flatten_param
        FocalLossParameter focal_loss_param
        HDF5DataParameter hdf5_data_param
        HDF5OutputParameter hdf5_output_param
        HingeLossParameter hinge_loss_param
        ImageDataParameter image_data_param
        ImageSegDataParameter image_seg_data_param
        InfogainLossParameter infogain_loss_param
        InnerProductParameter inner_product_param
        InputParameter input_param
        InterpParameter interp_param
        LabelSpecificAddParameter label_specific_add_param
        LogParameter log_param
        LRNParameter lrn_param
        MarginInnerProductParameter margin_inner_product_param
        MemoryDataParameter memory_data_param
        MishParameter mish_param
        MultiBoxLossParameter multibox_loss_param
        MVNParameter mvn_param
        NormalizeParameter norm_param
        ParameterParameter parameter_param
        PermuteParameter permute_param
        PoolingParameter pooling_param
        PowerParameter power_param
        PReLUParameter prelu_param
        PriorBoxParameter prior_box_param
        ProposalParameter proposal_param
        PSROIPoolingParameter psroi_pooling_param
        PythonParameter python_param
        RecurrentParameter recurrent_param
        ReductionParameter reduction_param
        ReLUParameter relu_param
        ReLU6Parameter relu6_param
        ReorgParameter reorg_param
        ReshapeParameter reshape_param
        ROIPoolingParameter roi_pooling_param
        ScaleParameter scale_param
        SegAccuracyParameter seg_accuracy_param
        ShuffleChannelParameter shuffle_channel_param
        SigmoidParameter sigmoid_param
        SliceParameter slice_param
        SmoothL1LossParameter smooth_l1_loss_param
        SoftmaxParameter softmax_param
        SPPParameter spp_param
        SwishParameter swish_param
        TanHParameter tanh_param
        ThresholdParameter threshold_param
        TileParameter tile_param
        TripletLossParameter triplet_loss_param
        UpsampleParameter upsample_param
        VideoDataParameter video_data_param
        WindowDataParameter window_data_param
    """,
    "V1LayerParameter": """
        string bottom* top* name
        NetStateRule include* exclude*
        LayerType type
        BlobProto blobs*
        string param*
        DimCheckMode blob_share_mode*
        float blobs_lr*~ weight_decay*~ loss_weight*~
        AccuracyParameter accuracy_param
        ArgMaxParameter argmax_param
        ConcatParameter concat_param
        ContrastiveLossParameter contrastive_loss_param
        ConvolutionParameter convolution_param
        DataParameter data_param
        DropoutParameter dropout_param
        DummyDataParameter dummy_data_param
        EltwiseParameter eltwise_param
        ExpParameter exp_param
        HDF5DataParameter hdf5_data_param
        HDF5OutputParameter hdf5_output_param
        HingeLossParameter hinge_loss_param
        ImageDataParameter image_data_param
        InfogainLossParameter infogain_loss_param
        InnerProductParameter inner_product_param
        LRNParameter lrn_param
        MemoryDataParameter memory_data_param
        MVNParameter mvn_param
        PoolingParameter pooling_param
        PowerParameter power_param
        ReLUParameter relu_param
        SigmoidParameter sigmoid_param
        SoftmaxParameter softmax_param
        SliceParameter slice_param
        TanHParameter tanh_param
        ThresholdParameter threshold_param
        WindowDataParameter window_data_param
        TransformationParameter transform_param
        LossParameter loss_param~
        V0LayerParameter layer
    """,
    "V0LayerParameter": """
        string name type
        uint32 num_output
        bool biasterm=true
        FillerParameter weight_filler bias_filler
        uint32 pad=0 kernelsize group=1 stride=1
        PoolMethod pool=MAX
        float dropout_ratio=0.5
        uint32 local_size=5
        float alpha=1 beta=0.75 k=1
        string source meanfile
        float scale=1
        uint32 batchsize cropsize=0
        bool mirror=false
        BlobProto blobs*
        float blobs_lr*~ weight_decay*~
        uint32 rand_skip=0
        float det_fg_threshold=0.5 det_bg_threshold=0.5 det_fg_fraction=0.25
        uint32 det_context_pad=0
        string det_crop_mode=warp
        int32 new_num=0 new_channels=0 new_height=0 new_width=0
        bool shuffle_images=false
        uint32 concat_dim=1
        HDF5OutputParameter hdf5_output_param
    """,
}
