// Owns what concerns the whole service: the switch of the API, and how much is verified.

import { call, recognized, state, words } from "./client.js";
import { chart } from "./chart.js";
import { confirmed, fill, h } from "./dom.js";

export function service(main) {
    const picture = h("div", { "aria-busy": "true" }, h("p", { class: "empty" }, "Loading…"));
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const switched = h("div", { class: "card" });
    main.replaceChildren(h("section", { "aria-labelledby": "service-title" },
        h("div", { class: "title" }, h("h1", { id: "service-title" }, "Service")), problem,
        h("h2", { id: "usage-title" }, "Verifications"), h("div", { class: "card" }, picture),
        h("h2", {}, "API access"), switched));
    let shown = "";
    draw();
    load();

    async function load() {
        const res = await call("usage/read");
        const found = JSON.stringify(res);
        picture.removeAttribute("aria-busy");
        if (found === shown) return;
        shown = found;
        picture.replaceChildren(res.ok ? chart(res.data.days, "Verifications of the service") : h("p", { class: "problem" }, words(res)));
    }

    function draw() {
        const isOn = state.settings.api_enabled;
        fill(switched,
            h("p", {}, isOn ? "The API takes API tokens." : "The API is switched off: every API token is refused. People can still sign in."),
            isOn ? h("button", { type: "button", class: "danger", onclick: off }, "Switch the API off") : h("button", { type: "button", class: "primary", onclick: () => set(true) }, "Switch the API on"));
    }

    async function off() {
        if (await confirmed("Switch the API off?", "Every API token is refused at once, until somebody who has signed in switches it on again.", "Yes, switch the API off") === true) await set(false);
    }

    async function set(enabled) {
        const res = await call("settings/set-api-enabled", enabled);
        problem.hidden = res.ok;
        if (!res.ok) problem.textContent = words(res);
        await recognized();
        draw();
        document.dispatchEvent(new Event("settings"));
    }

    return { changed() {}, missed() { draw(); load(); }, leave() {} };
}
