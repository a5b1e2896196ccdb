"""river's BiasedMF, taught each click as 1 and one random item as 0."""

from random import Random

from river import optim, reco

from online_models.baselines.plain import Session


class BiasedMF:
    """`river.reco.BiasedMF` over users; scores every item seen, so it is asked seldom.

    Costs one prediction of river a known item and question.

    >>> model = BiasedMF()
    >>> model.learn((0, 1), [], 7)
    >>> list(model.scores((0, 1), [7]))
    [7]
    """

    def __init__(self, seed: int = 0) -> None:
        self._model = reco.BiasedMF(
            n_factors=10, bias_optimizer=optim.SGD(0.025), latent_optimizer=optim.SGD(0.05), seed=seed
        )
        self._draw, self._known = Random(seed), dict[int, None]()
        self._listed: list[int] = []

    def scores(self, session: Session, items: list[int]) -> dict[int, float]:  # noqa: ARG002
        """What the model says of every item seen."""
        return {item: self._model.predict_one(session[0], item) for item in self._listed}

    def learn(self, session: Session, items: list[int], item: int) -> None:  # noqa: ARG002
        """A click, and a random item as what was not clicked."""
        if item not in self._known:
            self._known[item] = None
            self._listed.append(item)
        self._model.learn_one(session[0], item, 1.0)
        self._model.learn_one(session[0], self._draw.choice(self._listed), 0.0)
