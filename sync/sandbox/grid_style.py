"""How the grid looks, and the little it does with JavaScript; both stand inside the page."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{--paper:#faf8f4;--card:#fff;--ink:#1d1b16;--ink-2:#5b564b;--ink-3:#6f6a5f;--line:#e6e1d6;
--accent:#14532d;--accent-ink:#fff;--accent-soft:#e4efe6;--warm:#9a3412;--warm-soft:#fbeadd;
--focus:#1d4ed8;--serif:"Source Serif 4","Iowan Old Style",Georgia,serif;
--sans:"Inter",system-ui,-apple-system,"Segoe UI",sans-serif;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--paper:#14130f;--card:#1d1b17;--ink:#f3efe6;
--ink-2:#c2bba9;--ink-3:#a39c8b;--line:#35322a;--accent:#86cfa0;--accent-ink:#0d2115;
--accent-soft:#1d3325;--warm:#f3b08c;--warm-soft:#3a2418;--focus:#93b4ff}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 var(--sans)}
a{color:inherit}:focus-visible{outline:3px solid var(--focus);outline-offset:1px;border-radius:6px}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-999px}.skip:focus{left:16px;top:8px;background:var(--card);
padding:12px 16px;z-index:9}
.bar,.banner,.tools,main>.wide{padding-inline:clamp(16px,3vw,32px)}
.bar{display:flex;align-items:baseline;gap:12px;padding-block:18px 10px;flex-wrap:wrap}
.brand{font:600 22px/1.1 var(--serif);letter-spacing:-.01em;text-decoration:none}
.bar span{color:var(--ink-3);font-size:14px}
.banner{margin:0;padding-block:10px;background:var(--accent-soft);color:var(--ink);
border-block:1px solid var(--line)}
.tabs{display:flex;gap:4px;overflow-x:auto;padding:12px clamp(12px,2.6vw,28px) 0;
border-bottom:1px solid var(--line);scrollbar-width:thin}
.tabs a{text-decoration:none;white-space:nowrap;padding:10px 14px;min-height:44px;color:var(--ink-2);
border-radius:10px 10px 0 0;border:1px solid transparent;border-bottom:0}
.tabs a small{color:var(--ink-3);font-variant-numeric:tabular-nums;margin-left:4px}
.tabs a:hover{color:var(--ink)}
.tabs a[aria-current]{background:var(--card);color:var(--ink);font-weight:600;
border-color:var(--line);box-shadow:inset 0 2px var(--accent)}
.tools{display:flex;gap:12px;align-items:center;padding-block:14px;flex-wrap:wrap}
.tools form{display:flex;gap:8px;flex:1 1 260px;max-width:420px}.tools .count{color:var(--ink-3);
font-size:14px;margin-inline-start:auto}
.btn{appearance:none;border:0;border-radius:10px;background:var(--accent);color:var(--accent-ink);
font:600 15px/1 var(--sans);padding:0 16px;min-height:44px;cursor:pointer;text-decoration:none;
display:inline-flex;align-items:center;justify-content:center;white-space:nowrap}
.btn.ghost{background:transparent;color:var(--ink);border:1px solid var(--line)}
.btn.stop{background:var(--warm);color:var(--paper)}
input,select,textarea{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);
border-radius:10px;padding:9px 12px;min-height:44px;width:100%}
textarea{min-height:96px;resize:vertical;field-sizing:content}
input[type=checkbox]{width:20px;height:20px;min-height:0;accent-color:var(--accent);flex:none;margin:0}
.sheet{position:relative;overflow:auto;max-height:calc(100dvh - 250px);min-height:280px;border-block:1px solid var(--line);
background:var(--card)}
table{border-collapse:separate;border-spacing:0;min-width:100%}
th,td{border-right:1px solid var(--line);border-bottom:1px solid var(--line);text-align:start;
vertical-align:top;min-width:148px;max-width:340px;padding:0}
td.roomy{min-width:236px}
thead th{position:sticky;top:0;z-index:2;background:var(--paper);font:600 13px/1.3 var(--sans);
color:var(--ink-2);padding:10px 12px;white-space:nowrap}
tbody th{position:sticky;left:0;z-index:1;background:var(--card);font-weight:600;min-width:180px}
thead th:first-child{left:0;z-index:3}
tbody tr:hover td,tbody tr:hover th{background:var(--paper)}
.cell{display:block;padding:11px 12px;min-height:44px;text-decoration:none;overflow:hidden;
max-height:92px}
.cell>span.text{display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden;
overflow-wrap:anywhere;white-space:pre-line}
.cell:hover{box-shadow:inset 0 0 0 2px var(--accent)}.num{font-variant-numeric:tabular-nums}
tbody th .open{display:inline-block;padding:0 12px 10px;font-size:13px;font-weight:400;
color:var(--ink-3)}
td.ours .cell{color:var(--ink-3);font-size:13px}td.message .cell{color:var(--warm);font-size:14px}
.pill{display:inline-block;background:var(--accent-soft);color:var(--accent);border-radius:999px;
padding:1px 9px;margin:0 4px 4px 0;font-size:13px;white-space:nowrap;max-width:100%;overflow:hidden;
text-overflow:ellipsis;vertical-align:top}
.pill.link{background:var(--warm-soft);color:var(--warm)}
.tick{appearance:none;background:none;border:0;width:100%;min-height:44px;padding:11px 12px;color:inherit;
font:inherit;text-align:start;cursor:pointer}.tick b{color:var(--accent);font-size:18px;line-height:1}
.editor{scroll-margin:64px 0 0 200px;display:grid;gap:8px;padding:8px;min-width:min(320px,84vw);background:var(--accent-soft)}
.editor .go,.row{display:flex;gap:8px;flex-wrap:wrap}
fieldset{border:1px solid var(--line);border-radius:10px;margin:0;padding:8px 12px;background:var(--card);
max-height:280px;overflow:auto;min-width:0}legend{font-weight:600;padding:0 4px}
.option{display:flex;gap:10px;align-items:center;min-height:36px;font-weight:400}
.alert{margin:0;padding-block:12px;background:var(--warm-soft);color:var(--warm);font-weight:600}
.empty{padding:56px 24px;text-align:center;color:var(--ink-2)}.empty h2{font:600 22px/1.3 var(--serif);
margin:0 0 6px;color:var(--ink)}
main>.wide.record{max-width:760px;margin-inline:auto;padding-block:28px 64px;display:grid;gap:20px}
h1{font:600 clamp(24px,4vw,34px)/1.2 var(--serif);letter-spacing:-.02em;margin:0;overflow-wrap:anywhere}
.record form{display:grid;gap:16px}.record label.field{display:grid;gap:6px;font-weight:600}
.record label.field>:not(:first-child){font-weight:400}.hint{color:var(--ink-3);font-size:13px;font-weight:400}
details{border-top:1px solid var(--line);padding-top:16px}summary{cursor:pointer;min-height:44px;
color:var(--ink-2)}.pages{display:flex;gap:12px;padding-block:14px;justify-content:center}
@media(max-width:640px){.sheet{max-height:none}tbody th{min-width:128px;max-width:150px}
th,td{min-width:124px}td.roomy{min-width:200px}.editor{scroll-margin-left:150px}.tools .count{margin:0}}
"""

SCRIPT = """
(()=>{const main=document.querySelector('[data-version]');
document.addEventListener('keydown',e=>{const cancel=document.querySelector('.editor .cancel');
if(e.key==='Escape'&&cancel)location.href=cancel.href});
if(!main||document.querySelector('.editor,.alert'))return;
setInterval(async()=>{const busy=document.activeElement&&document.activeElement.matches('input,select');
if(document.hidden||busy)return;
try{const now=await(await fetch('/version')).text();if(now!==main.dataset.version)location.reload()}
catch{}},3000)})()
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


POLICY = (
    "default-src 'none'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    f"frame-ancestors 'none'; style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}'"
)
"""Only this style and this script run, so that text from a cell never can."""
