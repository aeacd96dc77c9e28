"""The messages of Caffe's data, loss and evaluation layers, as data: what conversion drops from a train_val file.

They are listed so that a training file parses and a misspelt field in it is still found. The form of the tables is that
of `caffe/messages.py`.
"""

TRAINING_MESSAGES: dict[str, str] = {
    "AccuracyParameter": """
        uint32 top_k=1
        int32 axis=1 ignore_label
    """,
    "AnnotatedDataParameter": """
        BatchSampler batch_sampler*
        string label_map_file
        AnnotationType anno_type
    """,
    "BatchReductionParameter": """
        int32 level*
        ReductionParameter reduction_param
        bool pos=false
    """,
    "BatchSampler": """
        bool use_original_image=true
        Sampler sampler
        SampleConstraint sample_constraint
        uint32 max_sample max_trials=100
    """,
    "CenterLossParameter": """
        uint32 num_output
        FillerParameter center_filler
        int32 axis=1
    """,
    "ContrastiveLossParameter": """
        float margin=1
        bool legacy_version=false
    """,
    "DataParameter": """
        string source
        uint32 batch_size rand_skip=0
        Database backend=LEVELDB
        float scale=1
        string mean_file
        uint32 crop_size=0
        bool mirror=false force_encoded_color=false force_encoded_gray=false
        uint32 prefetch=4 threads=0 parser_threads=0
        bool cache=false shuffle=false
    """,
    "DenseImageDataParameter": """
        string source mean_file root_folder
        uint32 batch_size rand_skip=0
        bool shuffle=false
        uint32 new_height=0 new_width=0
        bool is_color=true
    """,
    "DetectionEvaluateParameter": """
        uint32 num_classes background_label_id=0
        float overlap_threshold=0.5
        bool evaluate_difficult_gt=true
        string name_size_file
        ResizeParameter resize_param
    """,
    "DistortionParameter": """
        float brightness_prob=0 brightness_delta=0
        float contrast_prob=0 contrast_lower=0 contrast_upper=0
        float hue_prob=0 hue_delta=0
        float saturation_prob=0 saturation_lower=0 saturation_upper=0
        float random_order_prob=0
    """,
    "EmitConstraint": """
        EmitType emit_type=CENTER
        float emit_overlap
    """,
    "ExpansionParameter": "float prob=1 max_expand_ratio=1",
    "FocalLossParameter": "float alpha=0.25 gamma=2 beta=0",
    "HDF5DataParameter": """
        string source
        uint32 batch_size
        bool shuffle=false
    """,
    "HDF5OutputParameter": "string file_name",
    "HingeLossParameter": "HingeNorm norm=L1",
    "ImageDataParameter": """
        string source
        uint32 batch_size=1 rand_skip=0
        bool shuffle=false
        uint32 new_height=0 new_width=0
        bool is_color=true
        float scale=1
        string mean_file
        uint32 crop_size=0
        bool mirror=false
        string root_folder
    """,
    "ImageSegDataParameter": """
        string source root_folder
        uint32 batch_size=1
        bool shuffle=false is_color=true
        uint32 new_height=0 new_width=0 label_type
    """,
    "InfogainLossParameter": """
        string source
        int32 axis=1
    """,
    "LabelSpecificAddParameter": """
        float bias=0
        bool transform_test=false
    """,
    "LossParameter": """
        int32 ignore_label
        NormalizationMode normalization=VALID
        bool normalize
        bool weight_by_label_freqs=false
        float class_weighting*
    """,
    "MarginInnerProductParameter": """
        uint32 num_output
        MarginType type=SINGLE
        FillerParameter weight_filler
        int32 axis=1
        float base=1 gamma=0 power=1 lambda_min=0
        int32 iteration=0
    """,
    "MemoryDataParameter": "uint32 batch_size channels height width",
    "MultiBoxLossParameter": """
        LocLossType loc_loss_type=SMOOTH_L1
        ConfLossType conf_loss_type=SOFTMAX
        float loc_weight=1
        uint32 num_classes
        bool share_location=true
        MatchType match_type=PER_PREDICTION
        float overlap_threshold=0.5
        bool use_prior_for_matching=true
        uint32 background_label_id=0
        bool use_difficult_gt=true do_neg_mining
        float neg_pos_ratio=3 neg_overlap=0.5
        CodeType code_type=CORNER
        bool encode_variance_in_target=false map_object_to_agnostic=false
        bool ignore_cross_boundary_bbox=false bp_inside=false
        MiningType mining_type=MAX_NEGATIVE
        NonMaximumSuppressionParameter nms_param
        int32 sample_size=64
        bool use_prior_for_nms=false
    """,
    "NoiseParameter": """
        float prob=0
        bool hist_eq=false inverse=false decolorize=false gauss_blur=false
        float jpeg=-1
        bool posterize=false erode=false saltpepper=false
        SaltPepperParameter saltpepper_param
        bool clahe=false convert_to_hsv=false convert_to_lab=false
    """,
    "ResizeParameter": """
        float prob=1
        ResizeMode resize_mode=WARP
        uint32 height=0 width=0 height_scale=0 width_scale=0
        PadMode pad_mode=CONSTANT
        float pad_value*
        InterpolationMode interp_mode*
    """,
    "SaltPepperParameter": """
        float fraction=0
        float value*
    """,
    "SampleConstraint": """
        float min_jaccard_overlap max_jaccard_overlap
        float min_sample_coverage max_sample_coverage
        float min_object_coverage max_object_coverage
    """,
    "Sampler": "float min_scale=1 max_scale=1 min_aspect_ratio=1 max_aspect_ratio=1",
    "SaveOutputParameter": """
        string output_directory output_name_prefix output_format label_map_file name_size_file
        uint32 num_test_image
        ResizeParameter resize_param
    """,
    "SegAccuracyParameter": "int32 ignore_label* output_label*",
    "SmoothL1LossParameter": "float sigma=1",
    "TransformationParameter": """
        float scale=1
        bool mirror=false
        uint32 crop_size=0 crop_h=0 crop_w=0
        string mean_file
        float mean_value*
        bool force_color=false force_gray=false
        ResizeParameter resize_param
        NoiseParameter noise_param
        DistortionParameter distort_param
        ExpansionParameter expand_param
        EmitConstraint emit_constraint
        bool use_gpu_transform=false
        float rand_resize* rand_rotate* rand_aspect_ratio*
        bool gaussian_blur=false rotate90n=false
        float label_scalefactor* label_offset*
    """,
    "TripletLossParameter": "float margin=1",
    "VideoDataParameter": """
        VideoType video_type=WEBCAM
        int32 device_id=0
        string video_file
        uint32 skip_frames=0
    """,
    "WindowDataParameter": """
        string source
        float scale=1
        string mean_file
        uint32 batch_size crop_size=0
        bool mirror=false
        float fg_threshold=0.5 bg_threshold=0.5 fg_fraction=0.25
        uint32 context_pad=0
        string crop_mode=warp
        bool cache_images=false
        string root_folder
    """,
}
