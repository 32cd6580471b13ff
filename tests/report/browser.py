#!/usr/bin/python3
"""browser.py PAGE.html [FOLDER]: a report in headless Chromium, as people see it.

At 1280 and 390 pixels, light and dark: nothing wider than the window, no word cut off or written over
another in a chart, every word's contrast at least 4.5 (WCAG 2.1), no request for anything but the page
itself. FOLDER: pictures of all four, and the page printed to PDF. Exit codes: 0 yes, 1 no, 77 no browser."""
import base64, json, os, shutil, subprocess, sys, tempfile

WIDTHS, SCHEMES, LEAST_CONTRAST = (1280, 390), ("light", "dark"), 4.5

# What is wrong with the page as it stands, as a list of texts.
LOOK = r"""
(() => {
  const wrong = [], parse = c => (c.match(/[\d.]+/g) || []).map(Number);
  const wide = document.scrollingElement.scrollWidth - window.innerWidth;
  if (wide > 0) wrong.push(`page is ${wide} pixels wider than the window`);
  const background = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
      if (c[3] > 0) wrong.push(`half transparent background: ${e.tagName}`);
    }
    return window.matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  };
  const luminance = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const seen = new Set();
  let words = 0, least = 99;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walker.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || e.closest("title,desc,style,defs")) continue;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (box.width === 0 || style.visibility === "hidden") continue;
    words++;
    const svg = e.closest("svg");
    const a = luminance(parse(svg ? style.fill : style.color)), b = luminance(background(e));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    least = Math.min(least, contrast);
    const what = `${e.tagName}.${e.className.baseVal ?? e.className} "${n.data.trim().slice(0, 30)}"`;
    if (contrast < LEAST && !seen.has(what)) {
      seen.add(what);
      wrong.push(`contrast ${contrast.toFixed(2)}: ${what}`);
    }
    if (!svg && !e.closest(".scroll") && box.right > window.innerWidth + 0.5)
      wrong.push(`beyond the right edge: ${what}`);
  }
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")];
    const boxes = texts.map(t => t.getBoundingClientRect());
    boxes.forEach((b, i) => {
      const what = texts[i].textContent;
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 ||
          b.bottom > frame.bottom + 1) wrong.push(`cut off in a chart: ${what}`);
      boxes.slice(i + 1).forEach((c, j) => {
        if (b.left < c.right && c.left < b.right && b.top < c.bottom && c.top < b.bottom)
          wrong.push(`over one another in a chart: ${what}, ${texts[i + 1 + j].textContent}`);
      });
    });
    const described = document.getElementById(svg.getAttribute("aria-describedby"));
    if (!svg.getAttribute("aria-label") || !described?.textContent) wrong.push("a chart has no name");
  }
  for (const cell of document.querySelectorAll("td,th,figcaption,li,p,h1,h2,h3,h4,summary"))
    if (cell.scrollWidth > cell.clientWidth + 1 && cell.clientWidth > 0 && !cell.closest(".scroll"))
      wrong.push(`overflows: ${cell.tagName} ${cell.textContent.trim().slice(0, 40)}`);
  for (const box of document.querySelectorAll(".scroll"))
    if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0) wrong.push(
      `note: a table scrolls in its box, ${box.scrollWidth} in ${box.clientWidth}: ${box.getAttribute("aria-label")}`);
  for (const image of document.images) if (!image.naturalWidth) wrong.push("a picture does not load");
  return {wrong, words, least, images: document.images.length};
})()
"""


class Browser:
    """Chromium through its debugging pipe: no port, no library."""

    def __init__(self, program, folder):
        ours, theirs = os.pipe(), os.pipe()
        self.requests, self.number, self.buffer = [], 0, b""

        # dup2 onto 3 and 4 must not hit the pipes themselves
        high = [os.dup(fd) for fd in (ours[0], theirs[1])]
        for _ in range(8):
            high += [os.dup(fd) for fd in (ours[0], theirs[1])]
        source, sink = high[-2], high[-1]

        def place():
            os.dup2(source, 3)
            os.dup2(sink, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in high + [ours[0], theirs[1]]:
            os.close(fd)
        self.to, self.out = ours[1], theirs[0]
        self.session = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"],
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.buffer:
            data = os.read(self.out, 1 << 16)
            if not data:
                raise SystemExit("browser.py: the browser ended")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

    def call(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise SystemExit(f"browser.py: {method}: {message['error']}")
                return message["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)
        while self.message().get("method") != "Page.loadEventFired":
            pass

    def look(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"browser.py: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def close(self):
        self.process.terminate()
        self.process.wait()


def check(browser, url, folder):
    failed = False
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                         deviceScaleFactor=1, mobile=width < 600)
            browser.call("Emulation.setEmulatedMedia", media="screen",
                         features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.open(url)
            height = browser.look("document.body.scrollHeight")
            if folder:
                shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                                    clip={"x": 0, "y": 0, "width": width,
                                          "height": min(height + 40, 16000), "scale": 1})
                with open(f"{folder}/{width}-{scheme}.png", "wb") as file:
                    file.write(base64.b64decode(shot["data"]))
            browser.look("document.querySelectorAll('details').forEach(d => d.open = true)")
            seen = browser.look(LOOK.replace("LEAST)", str(LEAST_CONTRAST) + ")").replace(
                "< LEAST", f"< {LEAST_CONTRAST}"))
            wrong = [w for w in seen["wrong"] if not w.startswith("note:")]
            print(f"{width} {scheme}: {seen['words']} words, least contrast {seen['least']:.2f}, "
                  f"{seen['images']} pictures, {len(wrong)} wrong")
            for w in seen["wrong"]:
                print("   ", w)
            failed = failed or bool(wrong)
    if folder:
        browser.open(url)
        browser.call("Emulation.clearDeviceMetricsOverride")
        browser.call("Emulation.setEmulatedMedia", media="", features=[])
        with open(f"{folder}/print.pdf", "wb") as file:
            file.write(base64.b64decode(browser.call("Page.printToPDF", paperWidth=8.27,
                                                     paperHeight=11.69, printBackground=False)["data"]))
    others = [r for r in browser.requests if not r.startswith("data:") and r not in (url, "about:blank")]
    print(f"requests beside the page: {len(others)}")
    for r in others:
        print("   ", r)
    return failed or bool(others)


def main():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        print("browser.py: skipped: no chromium")
        return 77
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    if folder:
        os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            return int(check(browser, "file://" + os.path.abspath(sys.argv[1]), folder))
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
