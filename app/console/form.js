// Owns forms in dialogs: their fields, what is wrong with them, and that nothing typed is lost.

import { faults, isPassing, words } from "./client.js";
import { h, say } from "./dom.js";

let count = 0;

/** A field with its label, a hint, and room for what is wrong with it. */
export function field(name, label, control, hint) {
    const id = `field-${++count}`;
    control.id = id;
    const wrong = h("p", { class: "wrong", id: `${id}-wrong` });
    const help = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
    control.setAttribute("aria-describedby", help ? `${id}-hint ${id}-wrong` : `${id}-wrong`);
    return h("div", { class: "field", "data-field": name }, h("label", { for: id }, label), control, help, wrong);
}

/** Choices with a heading, as a field is one. */
export function group(name, legend, ...children) {
    const id = `field-${++count}-wrong`;
    return h("fieldset", { class: "field", "data-field": name, "aria-describedby": id }, h("legend", {}, legend),
        ...children, h("p", { class: "wrong", id }));
}

export function choice(type, name, value, label, properties = {}, more = null) {
    return h("label", { class: "choice" }, h("input", { type, name, value, ...properties }), h("span", {}, label, more && h("small", {}, more)));
}

/** A form in a dialog. `send` answers the result of a call; when it is well, `done` gets it.
 * `places` are those of arguments that are fields by themselves. */
export function form({ fields, save, send, done, close, places = {} }) {
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const button = h("button", { class: "primary" }, save);
    const cancel = h("button", { type: "button", onclick: () => close("") }, "Cancel");
    const element = h("form", { novalidate: true, onsubmit: submit }, ...fields, problem, h("div", { class: "buttons" }, cancel, button));
    async function submit(event) {
        event.preventDefault();
        if (button.disabled) return;
        clear();
        wait(true);
        let res;
        try { res = await send(new FormData(element)); } finally { wait(false); }
        button.textContent = save;
        if (res.ok) done(res); else refuse(res);
    }
    /** Nothing closes the dialog while it waits: a secret may be in the answer. */
    function wait(isBusy) {
        button.disabled = cancel.disabled = isBusy;
        const dialog = element.closest("dialog");
        if (isBusy) dialog.setAttribute("aria-busy", "true"); else dialog.removeAttribute("aria-busy");
    }
    function clear() {
        problem.hidden = true;
        for (const wrong of element.querySelectorAll(".wrong")) wrong.textContent = "";
        for (const control of element.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
    }
    function refuse(res) {
        const names = [...element.querySelectorAll("[data-field]")].map(each => each.dataset.field);
        if (isPassing(res)) {
            tell(`${words(res)} What you typed is still here.`);
            button.textContent = "Try again";
        } else {
            for (const [name, message] of faults(res, names, places)) complain(element, name, message, tell);
        }
        (element.querySelector("[aria-invalid]") ?? button).focus();
    }
    function tell(message) {
        problem.textContent = message;
        problem.hidden = false;
    }
    return element;
}

/** Say beside a field what is wrong with it. */
function complain(element, name, message, otherwise) {
    const place = name && element.querySelector(`[data-field="${name}"]`);
    if (!place) return otherwise(message);
    place.querySelector(".wrong").textContent = message;
    const control = place.querySelector("input[type=date]:not([hidden])") ?? place.querySelector("input, select");
    control.setAttribute("aria-invalid", "true");
    return say(message);
}
