// Owns how elements are made: always of text, never of markup, so that nothing in it is obeyed.

/** An element. Properties that begin with "on" are listeners, others attributes; null: none. */
export function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) set(element, name, value);
    element.append(...children.flat().filter(child => child !== null && child !== undefined));
    return element;
}

function set(element, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a picture. */
export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

const ICONS = {
    up: "M3 10l5-5 5 5", down: "M3 6l5 5 5-5", plus: "M8 3v10M3 8h10", cross: "M4 4l8 8M12 4l-8 8",
    pencil: "M3 13l.6-3L11 2.7l2.3 2.3L6 12.4z", turn: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3.5H9.5",
    bars: "M3 13V8m5 5V3m5 10V6", copy: "M6 6h7v7H6zM10 6V3H3v7h3", lock: "M5.500 7V5a2.500 2.500 0 0 1 5 0v2M3.500 7h9v6.500h-9z",
};

/** A small drawing, which says nothing to those who do not see it. */
export function icon(name) {
    const path = svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.6,
        "stroke-linecap": "round", "stroke-linejoin": "round" });
    return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, path);
}

/** A button that is no more than a drawing to look at, with words for what it does. */
export function iconButton(name, label, onclick, properties = {}) {
    return h("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...properties }, icon(name));
}

/** Say something to those who listen rather than look: in the dialog above all else, if there is one. */
export function say(text) {
    [...document.querySelectorAll("[data-said]")].at(-1).textContent = text;
}

const heirs = new WeakMap(); // control → the one that has taken its place

const controls = element => [...element.querySelectorAll("button, input, summary")];

/** Have the controls of an element take the places of these, which were another one's. */
function pass(before, element) {
    const after = controls(element);
    before.forEach((control, place) => { if (after[place] && !control.isConnected) heirs.set(control, after[place]); });
}

/** Have an element take the place of another one, for who was at a control of that. */
export function inherit(old, element) {
    if (old && element) pass(controls(old), element);
}

/** Put new children into an element; who was at one of its controls is at the one in its place then. */
export function fill(element, ...children) {
    const [active, before] = [document.activeElement, controls(element)];
    element.replaceChildren(...children);
    pass(before, element);
    refocus(active);
}

/** Go back to a control, or to the one that has taken its place meanwhile. */
export function refocus(control) {
    let found = control;
    while (found && !found.isConnected) found = heirs.get(found);
    if (found !== document.activeElement) found?.focus({ preventScroll: true });
}

/** Show a dialog until it is closed; answers what it was closed with, "" for Escape.
 * Escape does not close one that `isHeld`, or that is busy: something would be lost. */
export function show(title, build, { isHeld = false, ...properties } = {}) {
    const id = `title-${++show.count}`;
    const dialog = h("dialog", { "aria-labelledby": id, ...properties });
    const before = document.activeElement;
    const hold = event => { if (isHeld || dialog.hasAttribute("aria-busy")) event.preventDefault(); };
    // Browsers let nobody hold a second Escape by "cancel", but the key itself.
    const press = event => { if (event.key === "Escape") hold(event); };
    return new Promise(resolve => {
        let answer = "";
        const close = value => { answer = value; dialog.close(); };
        dialog.append(h("h2", { id }, title), build(close), h("div", { class: "unseen", "aria-live": "polite", "data-said": true }));
        dialog.addEventListener("cancel", hold);
        document.addEventListener("keydown", press);
        dialog.addEventListener("close", () => {
            document.removeEventListener("keydown", press);
            dialog.remove();
            refocus(before);
            resolve(answer);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}
show.count = 0;

/** Ask whether to go on. */
export function confirmed(title, text, yes, no = "No") {
    return show(title, close => h("form", { method: "dialog" },
        h("p", {}, text),
        h("div", { class: "buttons" },
            h("button", { type: "button", autofocus: true, onclick: () => close(false) }, no),
            h("button", { type: "button", class: "danger", onclick: () => close(true) }, yes))),
    { role: "alertdialog" });
}

/** Text to be copied, with a button that does. */
export function copied(label, text, tag = "code") {
    const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy ${label.toLowerCase()}`, onclick: copy }, icon("copy"), "Copy");
    async function copy() {
        const isDone = await navigator.clipboard?.writeText(text).then(() => true, () => false) || choose();
        button.lastChild.textContent = isDone ? "Copied" : "Press Ctrl+C";
        say(isDone ? `${label} copied` : `${label} selected, to be copied by hand`);
        setTimeout(() => { button.lastChild.textContent = "Copy"; }, 2000);
    }
    function choose() {
        const range = document.createRange();
        range.selectNodeContents(shown);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        return document.execCommand("copy"); // without https, browsers have nothing else
    }
    const shown = h(tag, { tabindex: 0, "aria-label": label, role: "group" }, text);
    return h("div", { class: "copied" }, shown, button);
}
