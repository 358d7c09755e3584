import { expect, test } from "vitest";
import { PATIENCE } from "./chat-page.ts";
import { ENDLESS, LONG, scripted } from "./script.ts";
import type { PageFixture } from "./page-fixture.ts";

/** Talking: what is said and answered arrives, whole and once, wherever it is looked at. */
export function conversation(fixture: () => PageFixture): void {
  test("sign in, and a message gets a streamed answer", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const { text, answer } = scripted("Where is Lisbon?", LONG);
    await chat.say(text);
    await chat.streaming(1);
    expect(answer.startsWith(await chat.answer(1).innerText())).toBe(true);
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["applied"]);
  });

  test("ack-1, ack-2: a message is shown sending, then durable, then applied", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    await fixture().stack.pause("edge-1");
    await fixture().stack.pause("edge-2");
    await chat.say(scripted("First", ENDLESS).text);
    await chat.say(scripted("Second", "tokens=2").text);
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["sending", "sending"]);
    await fixture().stack.resume("edge-1");
    await fixture().stack.resume("edge-2");
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["applied", "durable"]);
    await chat.page.keyboard.press("Escape");
    await chat.ended(2, "completed");
    expect(await chat.statuses()).toEqual(["applied", "applied"]);
  });

  test("two tabs are in step, also in their list of sessions", async () => {
    const context = await fixture().context();
    const one = await fixture().tab(context);
    await one.signIn();
    const two = await fixture().tab(context);
    await two.page.getByText("Say something to begin.").waitFor();
    await two.connected();
    const { text, answer } = scripted("Both of you", LONG);
    await one.say(text);
    await two.streaming(1);
    await two.ended(1, "completed");
    await one.ended(1, "completed");
    expect(await two.answer(1).textContent()).toBe(answer);
    expect(await one.answer(1).textContent()).toBe(answer);
    await two.page.getByRole("button", { name: /^Rename/ }).click();
    await two.page.getByRole("textbox", { name: /^New name/ }).fill("Renamed elsewhere");
    await two.page.keyboard.press("Enter");
    await one.page.getByRole("heading", { name: "Renamed elsewhere" }).waitFor();
  });

  test("a reload in mid-stream goes on where the stream is", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const { text, answer } = scripted("A long one", LONG);
    await chat.say(text);
    await chat.streaming(1);
    await chat.page.reload();
    await chat.streaming(1);
    expect(answer.startsWith(await chat.answer(1).innerText())).toBe(true);
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
  });

  test("send-7: what was not sent yet survives a reload and is answered once", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const { text, answer } = scripted("Kept in the browser", "tokens=3");
    await fixture().stack.pause("edge-1");
    await fixture().stack.pause("edge-2");
    await chat.say(text);
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["sending"]);
    await chat.page.reload();
    await expect.poll(() => chat.statuses(), PATIENCE).toEqual(["sending"]);
    await fixture().stack.resume("edge-1");
    await fixture().stack.resume("edge-2");
    await chat.ended(1, "completed");
    expect(await chat.answer(1).textContent()).toBe(answer);
    const next = scripted("And another", "tokens=3");
    await chat.say(next.text);
    await chat.ended(2, "completed");
    expect(await chat.answer(2).textContent()).toBe(next.answer);
  });

  test("command-2: the stop button ends the answer and keeps what was said", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    const { text, answer } = scripted("Never mind", ENDLESS);
    await chat.say(text);
    await chat.streaming(1);
    await chat.page.getByRole("button", { name: "Stop" }).click();
    await chat.ended(1, "interrupted");
    const kept = (await chat.answer(1).textContent()) ?? "";
    expect(kept).not.toBe("");
    expect(answer.startsWith(kept)).toBe(true);
    expect(await chat.turn(1).innerText()).toContain("You stopped the answer here.");
  });

  test("turn-3, turn-5: a failed turn is shown in words, its code on demand, and the session goes on", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    fixture().model.setDefault("401x*");
    await chat.say("To be refused");
    await chat.ended(1, "failed");
    expect(await chat.turn(1).innerText()).not.toContain("model_refused");
    await chat.turn(1).getByText("Details for whoever runs this service").click();
    expect(await chat.turn(1).innerText()).toContain("model_refused");
    fixture().model.setDefault("tokens=3");
    await chat.say("Again");
    await chat.ended(2, "completed");
  });

  test("sessions are apart: a new one is empty, the first is still there", async () => {
    const chat = await fixture().tab();
    await chat.signIn();
    await chat.say("In the first one");
    await chat.ended(1, "completed");
    await chat.page.getByRole("button", { name: "New conversation" }).click();
    await chat.page.getByText("Say something to begin.").waitFor();
    await chat.page.getByRole("button", { name: "In the first one", exact: true }).click();
    await chat.ended(1, "completed");
    await chat.page.goBack();
    await chat.page.getByText("Say something to begin.").waitFor();
  });
}
