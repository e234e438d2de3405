"""A page that stays open in a real browser: asked, resized and photographed through Chromium's debugging pipe, without a
network.

No Vestibule in it, no assertions about what the page says.
"""

import base64
import json
import os
import select
import subprocess
import time

from names import DEADLINE

# The browser reads commands from descriptor 3 and writes answers to descriptor 4, each ended by a zero byte.
COMMANDS, ANSWERS = 3, 4

# What a text has as its contrast to what is behind it (WCAG 2.2, 1.4.3): relative luminance, and the first background on the
# way up that is not transparent.
CONTRASTS = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([red, green, blue]) => {
    const linear = (part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const weak = [];
  let count = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility() || element.closest('title')) continue;
    const style = getComputedStyle(element);
    const ink = channels(element.closest('svg') ? style.fill : style.color);
    const [lighter, darker] = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (lighter + 0.05) / (darker + 0.05);
    count += 1;
    if (contrast < 4.5) weak.push([contrast.toFixed(2), texts.currentNode.data.trim().slice(0, 40)]);
  }
  return { count, weak };
})()"""


class Page:
    """One page in one browser."""

    def __init__(self, url, folder):
        to_browser, ours = os.pipe()
        theirs, from_browser = os.pipe()
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--remote-debugging-pipe", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder / 'browser'}", "about:blank"]

        def place():
            # Copies first, as one of the four may have the place of another.
            copies = os.dup(to_browser), os.dup(from_browser)
            os.dup2(copies[0], COMMANDS)
            os.dup2(copies[1], ANSWERS)

        self.process = subprocess.Popen(
            command, preexec_fn=place, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self.writing, self.reading = ours, theirs
        self.read, self.number, self.session, self.events = b"", 0, None, []
        target = next(it for it in self.ask("Target.getTargets")["targetInfos"] if it["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=url)
        self._until(lambda: any(event["method"] == "Page.loadEventFired" for event in self.events))

    def ask(self, method, **params):
        """The result of a command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        found = []
        self._until(lambda: found, lambda said: found.append(said) if said.get("id") == self.number else None)
        assert "error" not in found[0], found[0]
        return found[0]["result"]

    def evaluate(self, expression):
        """The value of an expression, which the page's own policy does not stop."""
        said = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def show(self, width, height=900, dark=False, media=""):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def picture(self, path):
        said = self.ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(said["data"]))
        return path

    def complaints(self):
        """What stands in the console, and what was thrown."""
        kinds = "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"
        return [event for event in self.events if event["method"] in kinds]

    def asked_for(self):
        """What the page has asked the network for, as schemes."""
        events = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"].split(":", 1)[0] for event in events}

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.writing)
        os.close(self.reading)

    def _until(self, done, look=lambda said: None):
        end = time.monotonic() + DEADLINE
        while not done():
            *messages, self.read = self.read.split(b"\0")
            for message in messages:
                said = json.loads(message)
                look(said)
                if "method" in said:
                    self.events.append(said)
            if messages:
                continue
            assert select.select([self.reading], [], [], max(0, end - time.monotonic()))[0], "the browser says nothing"
            data = os.read(self.reading, 1 << 20)
            assert data, "the browser has gone"
            self.read += data
