"""Published face models: what is known of each, where its files come from, and whether those here are the real ones.

    registry/     models.toml as dataclasses, and the facts of each model
    store/        the folder that keeps files: what lies there, hashes recorded at first sight, accepted licences
    fetching/     from addresses to checked files: mirrors, resuming, archives
    adding.py     files that a person has already
    naming.py     what the converters ask for a name

Heavy libraries are never loaded here; `weights.cli` is the command line.
"""
