"""PAC files and the functions that they may call, as browsers have them."""

import pytest

from proxy_core.pac.script import ANSWER_LIMIT, NAMES_LIMIT, Script, ScriptError


def value(expression: str, names: dict[str, str] | None = None, now: str = "") -> str:
    """What an expression is worth within a PAC file, as text."""
    clock = f"var __Real = Date; Date = function() {{ return new __Real('{now}'); }};" if now else ""
    script = Script(f"{clock} function FindProxyForURL(url, host) {{ return String({expression}); }}")
    text, wanted = script.find("http://www.shop.test/", "www.shop.test", names)
    assert not wanted
    return text


class TestHosts:
    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("url + ' ' + host", "http://www.shop.test/ www.shop.test"),
            ("isPlainHostName('www')", "true"),
            ("isPlainHostName('www.shop.test')", "false"),
            ("isPlainHostName('::1')", "false"),
            ("dnsDomainIs('WWW.shop.test', '.Shop.test')", "true"),
            ("dnsDomainIs('shop.test', '.shop.test')", "false"),
            ("dnsDomainIs('t', '.shop.test')", "false"),
            ("localHostOrDomainIs('www.shop.test', 'www.shop.test')", "true"),
            ("localHostOrDomainIs('www', 'www.shop.test')", "true"),
            ("localHostOrDomainIs('www.other.test', 'www.shop.test')", "false"),
            ("localHostOrDomainIs('ww', 'www.shop.test')", "false"),
            ("dnsDomainLevels('www')", "0"),
            ("dnsDomainLevels('www.shop.test')", "2"),
            ("shExpMatch('http://home.shop.test/people/index.html', '*/people/*')", "true"),
            ("shExpMatch('http://home.shop.test/peoples', '*/people/*')", "false"),
            ("shExpMatch('a.b', 'a?b')", "true"),
            ("shExpMatch('a+b', 'a+b')", "true"),
            ("shExpMatch('aXb', 'a.b')", "false"),
            ("shExpMatch('', '*')", "true"),
            ("shExpMatch('abc', 'a*b')", "false"),
            ("shExpMatch('mississippi', '*is*ip*')", "true"),
            ("typeof alert('x')", "undefined"),
        ],
    )
    def test_names(self, expression, expected):
        assert value(expression) == expected

    def test_a_pattern_that_would_keep_a_regular_expression_busy(self):
        assert value("shExpMatch('a'.repeat(2000), '*a'.repeat(30) + 'b')") == "false"

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("dnsResolve('known.test')", "10.1.2.3"),
            ("dnsResolve('unknown.test')", "null"),
            ("isResolvable('known.test')", "true"),
            ("isResolvable('unknown.test')", "false"),
            ("isInNet('known.test', '10.0.0.0', '255.0.0.0')", "true"),
            ("isInNet('known.test', '10.2.0.0', '255.255.0.0')", "false"),
            ("isInNet('unknown.test', '10.0.0.0', '255.0.0.0')", "false"),
            ("isInNet('192.168.1.7', '192.168.1.0', '255.255.255.0')", "true"),
            ("isInNet('192.168.1.7', '0.0.0.0', '0.0.0.0')", "true"),
            ("isInNet('256.1.1.1', '0.0.0.0', '0.0.0.0')", "false"),
            ("isInNet('10.0.0.1', 'x', '255.0.0.0')", "false"),
            ("isInNet('200.0.0.1', '200.0.0.0', '255.0.0.0')", "true"),
        ],
    )
    def test_addresses(self, expression, expected):
        names = {"known.test": "10.1.2.3", "unknown.test": "", "256.1.1.1": ""}
        assert value(expression, names) == expected

    def test_our_own_address(self):
        assert value("convert_addr(myIpAddress()) !== null") == "true"


# 2026-11-25 is a Wednesday.
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("weekdayRange('WED', 'GMT')", "true"),
        ("weekdayRange('wed', 'GMT')", "true"),
        ("weekdayRange('THU', 'GMT')", "false"),
        ("weekdayRange('MON', 'FRI', 'GMT')", "true"),
        ("weekdayRange('FRI', 'MON', 'GMT')", "false"),
        ("weekdayRange('SAT', 'WED', 'GMT')", "true"),
        ("weekdayRange('XYZ', 'GMT')", "false"),
        ("timeRange(13, 'GMT')", "true"),
        ("timeRange(12, 'GMT')", "false"),
        ("timeRange(13, 14, 'GMT')", "true"),
        ("timeRange(9, 13, 'GMT')", "false"),
        ("timeRange(22, 6, 'GMT')", "false"),
        ("timeRange(22, 14, 'GMT')", "true"),
        ("timeRange(13, 30, 13, 31, 'GMT')", "true"),
        ("timeRange(13, 31, 14, 0, 'GMT')", "false"),
        ("timeRange(13, 30, 44, 13, 30, 46, 'GMT')", "true"),
        ("timeRange(13, 30, 46, 13, 30, 50, 'GMT')", "false"),
        ("timeRange('x', 'GMT')", "false"),
        ("dateRange(25, 'GMT')", "true"),
        ("dateRange(24, 'GMT')", "false"),
        ("dateRange(20, 28, 'GMT')", "true"),
        ("dateRange(28, 20, 'GMT')", "false"),
        ("dateRange('NOV', 'GMT')", "true"),
        ("dateRange('OCT', 'DEC', 'GMT')", "true"),
        ("dateRange('DEC', 'FEB', 'GMT')", "false"),
        ("dateRange('NOV', 'FEB', 'GMT')", "true"),
        ("dateRange(2026, 'GMT')", "true"),
        ("dateRange(2027, 2030, 'GMT')", "false"),
        ("dateRange(25, 'NOV', 'GMT')", "true"),
        ("dateRange(24, 'NOV', 'GMT')", "false"),
        ("dateRange(1, 'JUN', 15, 'DEC', 'GMT')", "true"),
        ("dateRange(1, 'JUN', 15, 'AUG', 'GMT')", "false"),
        ("dateRange(20, 'NOV', 3, 'JAN', 'GMT')", "true"),
        ("dateRange('NOV', 2026, 'JAN', 2027, 'GMT')", "true"),
        ("dateRange('JAN', 2026, 'OCT', 2026, 'GMT')", "false"),
        ("dateRange(25, 'NOV', 2026, 'GMT')", "true"),
        ("dateRange(25, 'NOV', 2025, 'GMT')", "false"),
        ("dateRange(1, 'JAN', 2026, 25, 'NOV', 2026, 'GMT')", "true"),
        ("dateRange(1, 'JAN', 2026, 24, 'NOV', 2026, 'GMT')", "false"),
        ("dateRange()", "false"),
        ("dateRange('nonsense', 'GMT')", "false"),
    ],
)
def test_dates_and_times(expression, expected):
    assert value(expression, now="2026-11-25T13:30:45Z") == expected


def test_state_stays_from_call_to_call():
    script = Script("let count = 0; const FindProxyForURL = (url, host) => 'PROXY a:' + ++count;")
    assert [script.find("http://a/", "a")[0] for _ in range(2)] == ["PROXY a:1", "PROXY a:2"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no function FindProxyForURL"),
        ("<html>", "can't be read as JavaScript"),
        ("function Find(", "can't be read as JavaScript"),
        ("var FindProxyForURL = 1", "no function"),
        ("throw new Error('boo')", "boo"),
        ("var a = []; while (true) a.push(new Array(100000).fill(1))", "out of memory"),
        ("function f() { return f() + 1 } f()", "call stack"),
        ("require('fs')", "can't be read"),
        ("function FindProxyForURL() {}\0", "can't be read"),
        ("throw '\\ud800'", "can't be read"),
    ],
)
def test_no_pac_files(text, problem):
    with pytest.raises(ScriptError, match=problem):
        Script(text)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("throw new Error('boo\\nhoo')", r"its function failed \(Error: boo\)$"),
        ("throw {}", "its function failed"),
        ("throw 'x'.repeat(100000)", "its function failed"),
        ("nothing()", "nothing.* is not defined"),
        ("return {a: 1}", "returned no text"),
        ("return 1n", "returned no text"),
        ("return", "returned no text"),
        ("return null", "returned no text"),
        ("return Symbol()", "returned no text"),
        (r"throw '\ud800'", "its function failed"),
        (r"throw new Error('\ud800')", "its function failed"),
        (r"return dnsResolve('\ud800')", "its function failed"),
        (f"return 'x'.repeat({ANSWER_LIMIT + 1})", "more text than anyone reads"),
        ("return 'x'.repeat(2 ** 28)", "out of memory"),
        ("return FindProxyForURL(url, host)", "call stack"),
        ("return eval('('.repeat(100000))", "call stack"),
        ("return dnsResolve({toString() { throw 'x' }})", "its function failed"),
    ],
)
def test_calls_that_give_nothing(body, problem):
    script = Script(f"function FindProxyForURL(url, host) {{ if (host == 'good') return 'DIRECT'; {body} }}")
    with pytest.raises(ScriptError, match=problem) as caught:
        script.find("http://a/", "a")
    assert len(str(caught.value)) < 300
    assert script.find("http://good/", "good") == ("DIRECT", "")  # the file serves on


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (r"return 'PROXY \ud800:1; DIRECT'", "PROXY \ufffd:1; DIRECT"),
        ("return 'PROXY ' + host.repeat(4000) + ':1'", f"PROXY {'a' * 4000}:1"),
        ("let all = ''; for (let n = 0; n < 500; n++) all += 'PROXY ' + host + ';'; return all", "PROXY a;" * 500),
    ],
)
def test_answers_of_all_kinds(body, answer):
    assert Script(f"function FindProxyForURL(url, host) {{ {body} }}").find("http://a/", "a") == (answer, "")


class TestNames:
    """A file that looks a name up is asked again when the address is known."""

    def asked(self, script: Script, **names: str) -> tuple[str, str]:
        return script.find("http://a.test/", "a.test", {name.replace("_", "."): names[name] for name in names})

    def test_one_after_the_other(self):
        script = Script(
            "function FindProxyForURL(url, host) {"
            " return 'PROXY ' + dnsResolve(isInNet(host, '10.0.0.0', '255.0.0.0') ? 'in' : 'out') + ':1'; }"
        )
        assert self.asked(script) == ("", "a.test")
        assert self.asked(script, a_test="10.9.9.9") == ("", "in")
        assert self.asked(script, a_test="") == ("", "out")
        assert self.asked(script, a_test="10.9.9.9", **{"in": "10.1.1.1"}) == ("PROXY 10.1.1.1:1", "")

    def test_a_file_that_fails_for_want_of_it_has_not_failed(self):
        script = Script("function FindProxyForURL(url, host) { return 'PROXY ' + dnsResolve(host).trim(); }")
        assert self.asked(script) == ("", "a.test")
        assert self.asked(script, a_test="10.1.1.1") == ("PROXY 10.1.1.1", "")

    def test_a_file_that_looks_up_before_it_is_asked(self):
        script = Script(
            "let ours = dnsResolve('office').trim(); function FindProxyForURL() { return 'PROXY ' + ours; }"
        )
        assert self.asked(script) == ("", "office")
        assert self.asked(script, office="10.1.1.1") == ("PROXY 10.1.1.1", "")
        assert self.asked(script) == ("PROXY 10.1.1.1", "")

    @pytest.mark.parametrize("name", ["10.1.2.3", ""])
    def test_what_nobody_has_to_be_asked_for(self, name):
        script = Script(f"function FindProxyForURL() {{ return String(dnsResolve('{name}')); }}")
        assert self.asked(script) == (name or "null", "")

    def test_there_are_not_endlessly_many(self):
        script = Script("function FindProxyForURL() { for (let n = 0; dnsResolve('n' + n); n++); return 'DIRECT'; }")
        names: dict[str, str] = {}
        while (found := self.asked(script, **names))[1]:
            names[found[1]] = "10.1.1.1"
        assert found == ("DIRECT", "")
        assert len(names) == NAMES_LIMIT
        assert self.asked(Script("function FindProxyForURL() { return String(dnsResolve('x'.repeat(999))); }")) == (
            "null",
            "",
        )
