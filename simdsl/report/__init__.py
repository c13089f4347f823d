"""Reports: each folds over the stream of events, one file a format."""
