# fmt: off
"""A little Japanese: a language of a script without spaces, which a holder may have in its log and no detector for."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel")

GRAMMAR: Final = Grammar({
    "food": ["大根", "かぼちゃ", "豆腐", "きのこ", "鮭", "里芋", "白菜"],
    "city": ["金沢", "松山", "函館", "長崎", "高山"],
    "sight": ["朝市", "古い城", "植物園", "温泉", "路面電車"],
    "q_recipe": ["{food}と{food}で何が作れますか。", "{n}人分の{food}料理を教えてください。"],
    "o_recipe": ["簡単な方法があります。"],
    "b_recipe": ["{food}を{n}分ゆでます。", "次に{food}を加えます。", "{n}日ほど保存できます。", "{food}を添えてください。"],
    "f_recipe": ["冷凍できますか。", "{food}がない場合は。"],
    "q_travel": ["{city}で{n}日過ごす計画を立ててください。", "{city}と{city}ではどちらが静かですか。"],
    "o_travel": ["{city}はおすすめです。"],
    "b_travel": ["{n}日目は{sight}へ行きます。", "{sight}のあとで{sight}を見ます。", "切符は{nn}円です。"],
    "f_travel": ["雨の日はどうしますか。"],
    "t_recipe": ["{food}の料理"],
    "t_travel": ["{city}の旅"],
    "title": ["質問"],
    "about": ["短く答えてください。"],
    "error": ["エラーが発生しました。"],
    "stop": ["楽しんでください。", ""],
})
