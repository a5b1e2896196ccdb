"""The recommender's place in the pipeline: interactions in event-time order, learned once, published."""
