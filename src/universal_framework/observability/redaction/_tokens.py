"""The shapes of tokens that vendors issue: a fixed beginning, then a long body.

In: nothing. Out: patterns. Each match holds a run of at least 18 letters, digits and joints, which is how texts without
tokens are told apart cheaply.
The shapes are facts from the vendors' documentation and from gitleaks' list of rules
(https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml); bodies are bounded below, not fixed,
because vendors lengthen them without notice.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from universal_framework.observability.redaction._lazy import Lazy


class Shape(NamedTuple):
    """One kind of token: whose it is, its fixed beginning, the pattern of the rest."""

    vendor: str
    marks: tuple[str, ...]
    body: str


_WORD = r"[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-fA-F]"
_DOTTED = r"[A-Za-z0-9_=.-]"
_BASE64 = "[A-Za-z0-9+/]"

#: Each token holds so many characters in a row that are letters, digits or one of ``_.+/=%~-``.
RUN_LENGTH = 18
RUN_BYTES = bytes(97 if (chr(byte).isalnum() and byte < 128) or byte in b"_.+/=%~-" else 32 for byte in range(256))
SHORTEST_RUN = "a" * RUN_LENGTH

#: Tokens that begin with one of their marks.
SHAPES = (
    Shape("AWS", ("AKIA", "ASIA", "ABIA", "ACCA", "AROA", "AIDA"), "[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Shape("AWS Bedrock", ("ABSK",), _BASE64 + "{100,400}+"),
    Shape("GitHub", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _ALNUM + "{30,255}+"),
    Shape("GitHub", ("github_pat_",), r"[A-Za-z0-9_]{36,255}+"),
    Shape("GitLab", ("glpat-", "glptt-", "gldt-", "glrt-", "glft-", "glsoat-", "glimt-", "glcbt-", "gloas-",
                     "glffct-", "glagent-"), _DOTTED + "{18,320}+"),
    Shape("GitLab runner", ("GR1348941",), _WORD + "{20,64}+"),
    Shape("Slack", ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.", "xoxc-", "xoxd-", "xapp-"),
          r"[A-Za-z0-9.%/+=-]{13,400}+"),
    Shape("Slack hook", ("hooks.slack.com/",), r"(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,80}+"),
    Shape("OpenAI, Anthropic, DeepSeek, OpenRouter", ("sk-",), r"(?=[a-z_-]{0,40}+[0-9A-Z])" + _WORD + "{20,400}+"),
    Shape("Google", ("AIza",), _WORD + "{33,60}+"),
    Shape("Google OAuth", ("ya29.",), r"[A-Za-z0-9_-]{10}[A-Za-z0-9_.-]{10,2048}+"),
    Shape("Google OAuth", ("GOCSPX-",), _WORD + "{20,64}+"),
    Shape("Stripe", ("sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_"), _ALNUM + "{10,255}+"),
    Shape("Stripe hook", ("whsec_",), r"[A-Za-z0-9+/=]{20,128}+"),
    Shape("Twilio", ("SK",), r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    Shape("SendGrid", ("SG.",), r"[A-Za-z0-9_=-]{16,40}+\.?[A-Za-z0-9_=.-]{16,80}+"),
    Shape("Mailgun", ("key-",), r"[0-9a-f]{32}(?![A-Za-z0-9])"),
    Shape("Mailchimp", ("-us",), r"(?<=[0-9a-f]{32}-us)[0-9]{1,2}(?![A-Za-z0-9])"),
    Shape("Brevo", ("xkeysib-", "xsmtpsib-"), _HEX + "{32,64}[A-Za-z0-9-]{0,32}+"),
    Shape("npm", ("npm_",), _ALNUM + "{30,64}+"),
    Shape("PyPI", ("pypi-",), _WORD + "{40,1024}+"),
    Shape("RubyGems", ("rubygems_",), _HEX + "{40,64}+"),
    Shape("Clojars", ("CLOJARS_", "clojars_"), _ALNUM + "{50,64}+"),
    Shape("Azure storage", ("AccountKey=", "SharedAccessKey=", "SharedAccessSignature="),
          r"[A-Za-z0-9+/=%&_.-]{30,512}+"),
    Shape("Azure SAS", ("sig=",), r"[A-Za-z0-9%+/=]{40,128}+"),
    Shape("DigitalOcean", ("dop_v1_", "doo_v1_", "dor_v1_"), _HEX + "{48,80}+"),
    Shape("Hugging Face", ("hf_", "api_org_"), _ALNUM + "{30,64}+"),
    Shape("Groq", ("gsk_",), _ALNUM + "{40,80}+"),
    Shape("Replicate", ("r8_",), _ALNUM + "{30,64}+"),
    Shape("Perplexity", ("pplx-",), _ALNUM + "{40,64}+"),
    Shape("xAI", ("xai-",), _ALNUM + "{40,120}+"),
    Shape("NVIDIA", ("nvapi-",), _WORD + "{40,120}+"),
    Shape("Tavily", ("tvly-",), _WORD + "{20,64}+"),
    Shape("LangSmith", ("lsv2_pt_", "lsv2_sk_"), r"[0-9a-f]{32}_[0-9a-f]{10}"),
    Shape("Linear", ("lin_api_", "lin_oauth_"), _ALNUM + "{32,80}+"),
    Shape("Grafana", ("glc_",), r"[A-Za-z0-9+/=]{32,400}+"),
    Shape("Grafana", ("glsa_",), r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    Shape("Shopify", ("shpat_", "shpca_", "shppa_", "shpss_"), _HEX + "{32,64}+"),
    Shape("Square", ("sq0atp-", "sq0csp-"), _WORD + "{22,60}+"),
    Shape("Square", ("EAAA",), _WORD + "{56,64}+"),
    Shape("Facebook", ("EAACEdEose0cBA", "EAAC", "EAAM"), _ALNUM + "{90,400}+"),
    Shape("PlanetScale", ("pscale_tkn_", "pscale_oauth_", "pscale_pw_"), _DOTTED + "{32,64}+"),
    Shape("Databricks", ("dapi",), r"[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])"),
    Shape("Docker", ("dckr_pat_", "dckr_oat_"), _WORD + "{24,64}+"),
    Shape("Vault", ("hvs.", "hvb.", "hvr."), _WORD + "{24,300}+"),
    Shape("Terraform", (".atlasv1.",), r"(?<=[A-Za-z0-9]{14}\.atlasv1\.)[A-Za-z0-9_=-]{60,70}+"),
    Shape("Doppler", ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa."), r"[A-Za-z0-9]{40,80}+"),
    Shape("Dynatrace", ("dt0c01.", "dt0s16.", "dt0s01."), r"[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{60,64}"),
    Shape("New Relic", ("NRAK-", "NRII-", "NRJS-", "NRIQ-"), _WORD + "{18,42}+"),
    Shape("Postman", ("PMAK-",), r"[0-9a-fA-F]{24}-[0-9a-fA-F]{34}"),
    Shape("Pulumi", ("pul-",), r"[0-9a-f]{40}(?![A-Za-z0-9])"),
    Shape("Prefect", ("pnu_",), _ALNUM + "{36}"),
    Shape("Sentry", ("sntrys_", "sntryu_"), r"[A-Za-z0-9+/=_]{40,400}+"),
    Shape("Sourcegraph", ("sgp_",), r"(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}"),
    Shape("Supabase", ("sbp_", "sb_secret_"), _WORD + "{20,80}+"),
    Shape("Notion", ("ntn_", "secret_"), r"(?=[A-Za-z]{0,40}+[0-9])[A-Za-z0-9]{40,64}+"),
    Shape("Airtable", ("pat",), r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Shape("Atlassian", ("ATATT3", "ATCTT3", "ATBB"), r"[A-Za-z0-9_=-]{28,255}+"),
    Shape("Alibaba", ("LTAI",), r"[A-Za-z0-9]{16,24}(?![A-Za-z0-9])"),
    Shape("Tencent", ("AKID",), r"[A-Za-z0-9]{28,48}(?![A-Za-z0-9])"),
    Shape("Figma", ("figd_", "figu_"), _WORD + "{36,64}+"),
    Shape("Fly.io", ("fo1_", "fm1a_", "fm1r_", "fm2_"), r"[A-Za-z0-9_+/=-]{40,1024}+"),
    Shape("Heroku", ("HRKU-",), _WORD + "{36,80}+"),
    Shape("1Password", ("ops_eyJ",), r"[A-Za-z0-9+/=_-]{100,2048}+"),
    Shape("1Password", ("A3-",),
          r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-(?:[A-Z0-9]{5}-){2}[A-Z0-9]{5}"),
    Shape("age", ("AGE-SECRET-KEY-1",), r"[A-Z0-9]{50,60}+"),
    Shape("Adobe", ("p8e-",), _ALNUM + "{32}"),
    Shape("Octopus", ("API-",), r"[A-Z0-9]{25,32}(?![A-Za-z0-9])"),
    Shape("OpenShift", ("sha256~",), _WORD + "{40,64}+"),
    Shape("EasyPost", ("EZAK",), _ALNUM + "{54}"),
    Shape("Shippo", ("shippo_live_", "shippo_test_"), _HEX + "{40}"),
    Shape("Duffel", ("duffel_live_", "duffel_test_"), r"[A-Za-z0-9_=-]{40,64}+"),
    Shape("Flutterwave", ("FLWSECK_TEST-", "FLWSECK-"), r"[A-Za-z0-9-]{12,40}+"),
    Shape("README", ("rdme_",), _ALNUM + "{60,80}+"),
    Shape("Netlify", ("nfp_",), _WORD + "{32,64}+"),
    Shape("JFrog", ("AKCp",), _ALNUM + "{60,80}+"),
    Shape("Frame.io", ("fio-u-",), r"[A-Za-z0-9_=-]{60,70}+"),
    Shape("Infracost", ("ico-",), _ALNUM + "{32}"),
    Shape("GitLab session", ("_gitlab_session=",), "[0-9a-z]{32}"),
    Shape("Discord hook", ("/api/webhooks/",), r"\d{16,20}/[A-Za-z0-9_-]{60,72}+"),
)  # fmt: skip

#: Tokens whose mark stands in the middle.
_TELEGRAM = r"\d{8,10}:A[A-Za-z0-9_-]{34}(?![A-Za-z0-9_-])"
_DISCORD = r"[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_.-])"
_AZURE_CLIENT = r"[A-Za-z0-9_~.-]{3}\d?\dQ~[A-Za-z0-9_~.-]{31,34}"
_MAXMIND = r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"


def _pattern() -> str:
    """Join the shapes by first character, so that a position is compared with few of them."""
    families: dict[str, list[str]] = {}
    for shape in SHAPES:
        for mark in shape.marks:
            families.setdefault(mark[0], []).append(re.escape(mark[1:]) + shape.body)
    branches = [f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in sorted(families.items())]
    return f"(?:{'|'.join(branches)})"


#: A mark stands at the left edge of a word; marks that begin with a joint may follow anything.
LEFT = r"(?:(?<![A-Za-z0-9])|(?=[./_-]))"


@functools.cache
def prefixed() -> re.Pattern[str]:
    """Return the pattern of all `SHAPES`; compiled when it is first needed."""
    return re.compile(LEFT + _pattern())


TELEGRAM = Lazy(r"(?<![A-Za-z0-9_-])" + _TELEGRAM)
DISCORD = Lazy(r"(?<![A-Za-z0-9_.-])" + _DISCORD)
AZURE_CLIENT = Lazy(r"(?<![A-Za-z0-9_~.-])" + _AZURE_CLIENT)
MAXMIND = Lazy(LEFT + _MAXMIND)


def runs(marked: str) -> list[tuple[int, int]]:
    """Return the spans that are long enough to hold a token; `marked` is a text in Latin-1 through `RUN_BYTES`."""
    start = marked.find(SHORTEST_RUN)
    found: list[tuple[int, int]] = []
    while start >= 0:
        end = marked.find(" ", start)
        if end < 0:
            end = len(marked)
        found.append((start, end))
        start = marked.find(SHORTEST_RUN, end)
    return found
