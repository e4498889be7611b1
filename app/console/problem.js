// Owns what is said above a list when a call did not go well.

import { isPassing, words } from "./client.js";
import { h } from "./dom.js";

/** Room for it: `tell` says what went wrong, and offers to do it `again` if that may help, else to reload. */
export function room(reload) {
    const element = h("div", { class: "problem", role: "alert", hidden: true });
    function tell(res, again, prefix = "") {
        const [label, onclick] = isPassing(res) ? ["Try again", again] : ["Reload", reload];
        element.replaceChildren(h("span", {}, prefix + words(res)), h("button", { type: "button", class: "quiet", onclick }, label));
        element.hidden = false;
    }
    return { element, tell, clear() { element.hidden = true; } };
}
