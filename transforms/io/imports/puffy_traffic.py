"""Where a visit to the Puffy shop came from, by its landing page's parameters and its referrer.

First that applies: an ad network's click id in the URL (`qianchuan`: somebody paid for the click), an
affiliate's or a social network's parameter (`share`), a search engine's (`search`), the referrer's host,
else `other`. The log hashes parameter values, not their names, so names decide.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

AD_NETWORKS: Final = {
    "gclid": "google-ads", "gbraid": "google-ads", "wbraid": "google-ads", "gad_source": "google-ads",
    "msclkid": "microsoft-ads", "ad_id": "meta-ads", "cto_pld": "criteo", "ttclid": "tiktok-ads",
    "li_fat_id": "linkedin-ads", "twclid": "x-ads", "epik": "pinterest-ads",
}  # fmt: skip
"""Click-id parameters, and the network that adds them."""

_PLAN_PARAMETERS: Final = ("utm_campaign", "campaign_id", "utm_id")
_SHARED: Final = {
    "irclickid",
    "irgwc",
    "sscid",
    "affid",
    "sfdr_ptcid",
    "fbclid",
    "im_rewards",
    "talkable_visitor_uuid",
}
_SEARCHED: Final = {"srsltid"}
_SEARCH_HOST: Final = re.compile(
    r"(^|\.)(google|bing|yahoo|duckduckgo|ecosia|baidu|yandex|brave|startpage|qwant)\.[a-z.]+$"
)
_NO_SEARCH: Final = re.compile(r"^(mail|docs|drive|translate)\.")
_SHARE_HOST: Final = re.compile(
    r"^share\.|(^|\.)(facebook|instagram|reddit|pinterest|tiktok|youtube|linkedin|twitter|t|x)\.(com|co)$"
)


def traffic_of(page_url: str | None, referrer: str | None) -> tuple[str, str | None]:
    """Return the traffic source of a page view, and the ad plan that paid for it (null where none did).

    The plan is the campaign parameter, or where a paid click names none, its network.

    >>> traffic_of("https://puffy.com/?gclid=AB12&utm_campaign=C9", None)
    ('qianchuan', 'C9')
    >>> traffic_of("https://puffy.com/", "https://www.google.com/")
    ('search', None)
    """
    parameters = _parameters(page_url)
    network = next((AD_NETWORKS[name] for name in parameters if name in AD_NETWORKS), None)
    if network is not None:
        named = (parameters[name] for name in _PLAN_PARAMETERS if parameters.get(name))
        return "qianchuan", next(named, network)
    if parameters.keys() & _SHARED:
        return "share", None
    if parameters.keys() & _SEARCHED:
        return "search", None
    return _source_of_host(_host(referrer)), None


def _source_of_host(host: str) -> str:
    if _SEARCH_HOST.search(host) and not _NO_SEARCH.match(host):
        return "search"
    return "share" if _SHARE_HOST.search(host) else "other"


def _parameters(url: str | None) -> dict[str, str]:
    _, _, query = (url or "").partition("?")
    try:
        return dict(parse_qsl(query.partition("#")[0], keep_blank_values=True))
    except ValueError:
        return {}


def _host(url: str | None) -> str:
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:
        return ""
