// The page of one store: shows what /events tells. It sends nothing but the request to be told.
// All text is set as text, never as markup: product names come from elsewhere.
"use strict";

const LOST_AFTER_MS = 4000; // the store says something each second
const AGAIN_AFTER_MS = 10000; // a connection that is open and silent is made anew after this
const SHOWN = 50;

let topics = {};
let events = [];
let source = null;
let heard = null; // when the last message came, by both clocks: either may stand still while a phone sleeps
let tried = 0;
let devicesOpened = false;
let refused = false;

const at = (id) => document.getElementById(id);

// --- small things -----------------------------------------------------------------------------------------------------------

function text(node, value) {
  const wanted = String(value);
  if (node.textContent !== wanted) node.textContent = wanted;
}

function make(tag, className, parent) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (parent) parent.append(node);
  return node;
}

// One child of parent for each item, in order, made once a key and kept, so that focus and scrolling stay where they are.
function keep(parent, items, keyOf, build, update) {
  const old = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) old.delete(key);
    else { child = build(item); child.dataset.key = key; }
    const place = before ? before.nextSibling : parent.firstChild;
    if (place !== child) parent.insertBefore(child, place);
    update(child, item);
    before = child;
  }
  for (const gone of old.values()) gone.remove();
}

const part = (node, name) => node.querySelector("." + name);
const clockOf = (stamp) => (stamp ? stamp.slice(11, 19) : "never"); // the store's own time, whatever the phone's zone is
const dayOf = (stamp) => stamp.slice(0, 10);
const today = () => (topics.pulse ? dayOf(topics.pulse.time) : "");
const whenOf = (stamp) => (stamp && dayOf(stamp) !== today() ? `${dayOf(stamp).slice(5)} ` : "") + clockOf(stamp);
const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en"));
const each = (prefix) => Object.keys(topics).filter((topic) => topic.startsWith(prefix)).map((topic) => [topic.slice(prefix.length), topics[topic]]);
const many = (count, one, more) => `${count} ${count === 1 ? one : more}`;

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// --- the connection ---------------------------------------------------------------------------------------------------------

const silence = () => (heard ? Math.max(Date.now() - heard.wall, performance.now() - heard.ticks) : Infinity);

function connect() {
  if (source) source.close();
  tried = performance.now();
  source = new EventSource("/events");
  source.addEventListener("state", (message) => take(message, (told) => { topics = told.topics; events = told.events; }));
  source.addEventListener("changes", (message) => take(message, (told) => {
    for (const [topic, value] of Object.entries(told.topics)) {
      if (value === null) delete topics[topic];
      else topics[topic] = value;
    }
    const known = new Set(events.map((event) => event.seq));
    events = events.concat(told.events.filter((event) => !known.has(event.seq))).slice(-SHOWN);
  }));
  source.addEventListener("open", () => { refused = false; });
  source.addEventListener("error", () => { refused = source.readyState === EventSource.CLOSED; watch(); });
}

function take(message, change) {
  change(JSON.parse(message.data));
  heard = { wall: Date.now(), ticks: performance.now() };
  watch();
  show();
}

function watch() {
  const silent = silence();
  const lost = silent > LOST_AFTER_MS;
  const link = heard === null ? "waiting" : lost ? "lost" : "live";
  document.body.dataset.link = link;
  at("live").hidden = link !== "live";
  at("lost").hidden = link === "live" || (heard === null && performance.now() < LOST_AFTER_MS);
  if (heard === null) {
    text(at("lostwhat"), "The store does not answer.");
    text(at("losthow"), "Trying again …");
  } else if (lost) {
    text(at("lostwhat"), "No word from the store.");
    text(at("losthow"), `What you see is ${ago(silent / 1000)} old. Trying again …`);
  }
  const name = topics.store ? topics.store.name : "Store";
  const standing = (topics.alarms || []).length;
  document.title = link === "live" ? (standing ? `(${standing}) ${name}` : name) : `No word – ${name}`;
  const waited = performance.now() - tried;
  if ((refused && waited > 2000) || (silent > AGAIN_AFTER_MS && waited > AGAIN_AFTER_MS)) connect();
}

// --- what is shown ----------------------------------------------------------------------------------------------------------

function show() {
  if (!topics.store) return;
  showHead();
  showAlarms();
  keep(at("zones"), topics.store.zones, (zone) => zone.id, buildZone, updateZone);
  showEvents();
  showDevices();
}

function showHead() {
  const store = topics.store, pulse = topics.pulse;
  text(at("name"), store.name);
  at("simulated").hidden = !store.simulated;
  text(at("about"), `${store.id}, smartstore ${store.version}`);
  const [words, tone] = verdict();
  text(at("verdict"), words);
  at("verdict").className = "verdict " + tone;
  at("vitals").hidden = !pulse;
  if (!pulse) return;
  text(at("clock"), clockOf(pulse.time));
  const waiting = pulse.unsent ? many(pulse.unsent, "event waits", "events wait") : "";
  const backend = pulse.backend ? ["connected", ""] : [`not connected${waiting ? `, ${waiting}` : ""}; nothing is lost`, "warn-text"];
  const clock = pulse.clock === "trusted" ? ["right", ""] : ["not set yet", "warn-text"];
  const records = { ok: ["kept", ""], nearly_full: ["kept; nearly full", "warn-text"], full: ["full: nothing is sold", "bad-text"] }[pulse.room];
  for (const [id, [value, tone]] of [["backend", backend], ["clockstate", clock], ["records", records]]) {
    text(at(id), value);
    at(id).className = tone;
  }
}

function verdict() {
  const alarms = (topics.alarms || []).length;
  if (alarms) return [`${many(alarms, "thing needs", "things need")} attention`, "bad"];
  const zones = each("zone/").map(([, zone]) => zone);
  if (zones.some((zone) => zone.sales === "stopped")) return ["Sales are stopped", "warn"];
  const lost = each("device/").filter(([, device]) => device.state !== "online").length;
  if (lost) return [`Not well: ${many(lost, "device", "devices")}`, "warn"];
  const low = each("slot/").filter(([, slot]) => slot.low).length;
  if (low) return [`All is well; ${many(low, "slot runs", "slots run")} low`, ""];
  return ["All is well", ""];
}

function showAlarms() {
  const alarms = topics.alarms || [];
  const names = new Map(topics.store.zones.map((zone) => [zone.id, zone.name]));
  at("attention").hidden = alarms.length === 0;
  keep(at("alarms"), alarms, (alarm) => alarm.id, () => {
    const item = make("li");
    make("strong", "what", item);
    make("span", "where", item);
    return item;
  }, (item, alarm) => {
    text(part(item, "what"), alarm.text);
    text(part(item, "where"), names.get(alarm.zone) || "");
  });
}

function buildZone(zone) {
  const card = make("section", "card zone");
  const head = make("div", "zone-head", card);
  const title = make("h2", "", head);
  title.id = `zone-${zone.id}`;
  card.setAttribute("aria-labelledby", title.id);
  make("span", "sub", head);
  const facts = make("dl", "facts", card);
  for (const fact of ["door", "lock", "temperature", "sales"]) {
    const box = make("div", fact, facts);
    make("dt", "", box);
    make("dd", "", box);
  }
  make("div", "baskets", card);
  make("ul", "slots", card);
  return card;
}

function updateZone(card, zone) {
  const level = topics[`zone/${zone.id}`];
  text(card.querySelector("h2"), zone.name);
  const outer = topics.store.zones.find((other) => other.id === zone.inside);
  text(part(card, "sub"), outer ? `in ${outer.name}` : zone.kind === "room" ? "walk in" : "");
  if (level) {
    fact(part(card, "door"), "Door", ...doorOf(level));
    fact(part(card, "lock"), "Lock", ...lockOf(level));
    fact(part(card, "temperature"), "Temperature", ...temperatureOf(level, zone));
    fact(part(card, "sales"), "Sales", ...salesOf(level));
  }
  part(card, "facts").hidden = !level;
  part(card, "door").hidden = part(card, "lock").hidden = !zone.lock;
  part(card, "temperature").hidden = !zone.thermometer;
  const running = each("basket/").filter(([, basket]) => basket.zone === zone.id);
  const unseen = level && level.session && !running.length ? [["unseen", { what: level.session, lines: [], whole: false, since: "", total: "" }]] : [];
  keep(part(card, "baskets"), level && level.session ? running.concat(unseen) : [], ([id]) => id, buildBasket, (box, [, basket]) => updateBasket(box, basket));
  const slots = topics.store.slots.filter((slot) => slot.zone === zone.id);
  part(card, "slots").hidden = slots.length === 0;
  keep(part(card, "slots"), slots, (slot) => slot.id, buildSlot, updateSlot);
}

function fact(box, name, value, detail, tone) {
  text(box.querySelector("dt"), name);
  const dd = box.querySelector("dd");
  if (dd.dataset.value !== value + "\n" + detail) {
    dd.dataset.value = value + "\n" + detail;
    dd.textContent = value;
    if (detail) make("small", "", dd).textContent = detail;
  }
  for (const name of ["good", "warn", "bad"]) box.classList.toggle(name, tone === name);
}

function doorOf(level) {
  if (level.door === "open") return ["Open", "", level.session ? "good" : "warn"];
  return level.door === "closed" ? ["Closed", "", ""] : ["Not known", "its contact is not heard", "warn"];
}

function lockOf(level) {
  const seen = level.lock_observed, told = level.lock_commanded;
  const word = { locked: "Locked", unlocked: "Unlocked" };
  if (seen === null) return [word[told], "as commanded; no bolt contact", told === "unlocked" ? "good" : ""];
  if (seen === told) return [word[seen], "commanded and seen", told === "unlocked" ? "good" : ""];
  return [word[seen], `but commanded ${told}`, ""]; // a bolt takes a moment; one that does not follow is an alarm
}

function temperatureOf(level, zone) {
  const limits = zone.limits ? `${zone.limits[0]} to ${zone.limits[1]} °C is right` : "not monitored";
  if (level.celsius === null) return ["Not known", limits, "warn"];
  const out = zone.limits && (level.celsius < zone.limits[0] || level.celsius > zone.limits[1]);
  return [`${level.celsius.toFixed(1)} °C`, limits, out ? "bad" : ""];
}

function salesOf(level) {
  if (level.sales === "open") return ["Open", "", ""];
  return [level.sales === "stopped" ? "Stopped" : "Closed", level.reasons.join(", "), level.sales === "stopped" ? "bad" : ""];
}

function buildBasket() {
  const box = make("div", "basket");
  const head = make("div", "basket-head", box);
  make("h3", "", head);
  make("span", "since", head);
  make("p", "empty", box);
  make("ul", "", box);
  const total = make("p", "total", box);
  make("span", "", total).textContent = "So far";
  make("span", "sum", total);
  return box;
}

function updateBasket(box, basket) {
  text(box.querySelector("h3"), basket.what);
  text(part(box, "since"), basket.since ? `since ${whenOf(basket.since)}` : "");
  text(part(box, "empty"), basket.whole ? (basket.lines.length ? "" : "Nothing taken yet") : "What was taken before is not shown here");
  part(box, "empty").hidden = part(box, "empty").textContent === "";
  keep(box.querySelector("ul"), basket.lines, (line) => line.gtin, () => {
    const item = make("li");
    make("span", "quantity", item);
    make("span", "name", item);
    make("span", "sum", item);
    return item;
  }, (item, line) => {
    text(part(item, "quantity"), `${Math.abs(line.quantity)} ×`);
    text(part(item, "name"), line.quantity < 0 ? `${line.name} (put in)` : line.name);
    text(part(item, "sum"), line.sum);
  });
  part(box, "total").hidden = !basket.total || !basket.lines.length;
  text(box.querySelector(".total .sum"), basket.total);
}

function buildSlot() {
  const tile = make("li", "slot");
  const top = make("div", "slot-top", tile);
  make("span", "slot-id", top);
  const marks = make("span", "slot-marks", top);
  for (const [name, words] of [["moving", "moving"], ["low", "low"], ["out", "empty"], ["untrusted", "not trusted"]]) {
    make("span", `mark ${{ low: "note", out: "note", untrusted: "bad" }[name] || ""} ${name}`, marks).textContent = words;
  }
  make("ul", "products", tile);
  const amount = make("div", "amount", tile);
  make("span", "count", amount);
  make("span", "of", amount);
  make("span", "grams", amount);
  const bar = make("div", "bar", tile);
  bar.setAttribute("aria-hidden", "true");
  make("i", "", bar);
  return tile;
}

function updateSlot(tile, place) {
  const slot = topics[`slot/${place.id}`];
  tile.hidden = !slot;
  if (!slot) return;
  const live = topics[`telemetry/${place.scale}`];
  const moving = Boolean(live && live.moving && live.moving[place.channel - 1]);
  const grams = live && live.grams && live.grams[place.channel - 1] !== null ? live.grams[place.channel - 1] : null;
  tile.className = `slot ${slot.low ? "low" : ""} ${slot.trusted ? "" : "untrusted"}`;
  text(part(tile, "slot-id"), place.id);
  part(tile, "moving").hidden = !moving;
  part(tile, "low").hidden = !slot.low || slot.count === 0;
  part(tile, "out").hidden = slot.count !== 0;
  part(tile, "untrusted").hidden = slot.trusted;
  const several = slot.products.length > 1;
  keep(part(tile, "products"), [...slot.products, ...slot.misplaced.map((product) => ({ ...product, strange: true }))],
    (product) => (product.strange ? "!" : "") + product.gtin, () => { const item = make("li"); make("span", "name", item); make("span", "number", item); return item; },
    (item, product) => {
      item.className = product.strange ? "strange" : "";
      text(part(item, "name"), product.strange ? `${product.name} does not belong here` : product.name);
      text(part(item, "number"), several || product.strange ? number(product.count) : "");
    });
  text(part(tile, "count"), slot.count === null ? "?" : slot.count);
  const sure = slot.confidence < 0.99 ? `, ${Math.round(slot.confidence * 100)} % sure` : "";
  text(part(tile, "of"), slot.count === null ? "not counted" : `of ${place.capacity}${sure}`);
  const weight = slot.trusted ? (grams === null ? slot.grams : grams) : null;
  text(part(tile, "grams"), weight === null ? "– g" : `${number(Math.round(weight))} g`);
  tile.querySelector("i").style.transform = `scaleX(${Math.max(0, Math.min(1, (slot.count || 0) / place.capacity))})`;
}

function showEvents() {
  at("told").hidden = events.length === 0;
  const fresh = at("events").childElementCount > 0;
  keep(at("events"), events.slice().reverse(), (event) => event.seq, (event) => {
    const item = make("li", `${event.tone} ${fresh ? "new" : ""}`);
    const time = make("time", "", item);
    time.dateTime = event.time;
    make("span", "", item).textContent = event.text;
    return item;
  }, (item, event) => {
    const time = item.querySelector("time");
    text(time, (event.trusted ? "" : "about ") + whenOf(event.time));
    time.title = event.trusted ? event.time : `${event.time}, by a clock that was not set yet`;
  });
}

function showDevices() {
  const devices = each("device/").sort(([a, one], [b, other]) => one.kind.localeCompare(other.kind) || a.localeCompare(b));
  const well = devices.filter(([, device]) => device.state === "online").length;
  at("devices").hidden = devices.length === 0;
  text(at("devicesum"), well === devices.length ? `all ${well} are well` : `${well} of ${devices.length} are well`);
  at("devicesum").className = well === devices.length ? "sum" : "sum bad-text";
  if (well < devices.length && !devicesOpened && heard) { devicesOpened = true; at("devicelist").open = true; }
  keep(at("devicerows"), devices, ([id]) => id, ([id]) => {
    const row = make("tr");
    const head = make("th", "", row);
    head.scope = "row";
    head.append(id);
    make("small", "kind", head);
    const state = make("td", "state", row);
    make("span", "mark", state);
    make("small", "reason", state);
    for (const [name, words] of [["since", "since"], ["samples", "readings"], ["noise", "noise"], ["resets", "resets"], ["dropped", "dropped"]]) {
      make("td", name + (name === "since" ? "" : " number"), row).dataset.name = words;
    }
    return row;
  }, (row, [, device]) => {
    text(part(row, "kind"), [device.kind, device.driver, device.firmware].filter(Boolean).join(", "));
    text(part(row, "mark"), device.state);
    part(row, "mark").className = "mark " + ({ lost: "bad", degraded: "note" }[device.state] || "");
    const heardAt = device.state === "lost" ? `last heard ${whenOf(device.last)}` : "";
    text(part(row, "reason"), [device.reason, heardAt].filter(Boolean).join(", "));
    text(part(row, "since"), whenOf(device.since));
    for (const name of ["samples", "noise", "resets", "dropped"]) text(part(row, name), number(device[name]));
  });
}

setInterval(watch, 500);
document.addEventListener("visibilitychange", watch);
window.addEventListener("pageshow", watch);
window.addEventListener("online", connect);
connect();
