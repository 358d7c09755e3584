import { expect, test } from "vitest";
import { PATIENCE, type ChatPage } from "./chat-page.ts";
import type { ScriptedFixture } from "./scripted-fixture.ts";

/** Getting about: the list of conversations, its page, and what addresses lead to. */
export function places(fixture: () => ScriptedFixture): void {
  const rows = (chat: ChatPage): Promise<string[]> => chat.page.locator(".session-title").allTextContents();

  async function said(chat: ChatPage, text: string): Promise<void> {
    await chat.say(text);
    await chat.page.locator(".message-user").getByText(text).waitFor();
  }

  test("a conversation is listed once something is said in it; Back leads to the list, and from there on", async () => {
    const chat = await fixture().reader();
    await chat.page.getByText("Say something to begin.").waitFor();
    expect(await rows(chat)).toEqual([]);
    await said(chat, "The first");
    await chat.page.getByRole("button", { name: "New conversation" }).click();
    await chat.page.getByText("Say something to begin.").waitFor();
    expect(await rows(chat)).toEqual(["The first"]);
    await chat.page.goto("/");
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
    await chat.page.getByRole("button", { name: "The first", exact: true }).click();
    await chat.page.getByRole("heading", { name: "The first" }).waitFor();
    await chat.page.goBack();
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
    await said(chat, "From the list");
    await chat.page.getByRole("heading", { name: "From the list" }).waitFor();
    expect(await rows(chat)).toEqual(["From the list", "The first"]);
  });

  test("a conversation is taken off the list, and comes back by Undo", async () => {
    const chat = await fixture().reader();
    await said(chat, "Keep me");
    await chat.page.getByRole("button", { name: "New conversation" }).click();
    await said(chat, "Drop me");
    await chat.page.getByRole("button", { name: "Remove “Drop me” from the list" }).click();
    await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
    expect(await rows(chat)).toEqual(["Keep me"]);
    await expect.poll(() => chat.page.evaluate(() => document.activeElement?.textContent), PATIENCE).toBe("Undo");
    await chat.page.keyboard.press("Enter");
    await expect.poll(() => rows(chat), PATIENCE).toEqual(["Drop me", "Keep me"]);
  });

  test("after signing out nothing that was said stays in the browser's memory of the list", async () => {
    const chat = await fixture().reader();
    await said(chat, "My secret");
    await chat.message.fill("half a secret");
    await chat.page.getByRole("button", { name: "Sign out" }).click();
    await chat.page.getByLabel("Your name").waitFor();
    const kept = await chat.page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
    expect(kept).not.toContain("secret");
    expect(new URL(chat.page.url()).hash).toBe("#/");
  });

  test.for(["#/%E0%A4%A", "#/%", "#/two words", "#/a/b/c", "#/%00", "#/ok?agent=a%20b"])(
    "an address that names no conversation (%s) shows the list, with a word",
    async (hash) => {
      const chat = await fixture().reader();
      await said(chat, "Here before");
      await chat.page.goto(`/${hash}`);
      await chat.page.reload();
      await chat.page.getByRole("alert").getByText("This address names no conversation.", { exact: false }).waitFor();
      await chat.page.getByRole("button", { name: "Here before", exact: true }).waitFor();
    },
  );

  test("another agent is talked to from the list's page, and its conversation remembers it", async () => {
    const chat = await fixture().reader();
    await said(chat, "With the concierge");
    await chat.page.goto("/#/");
    await chat.page.getByText("Talk to another agent").click();
    await chat.page.getByLabel("Agent").fill("seller");
    await said(chat, "With the seller");
    await expect.poll(() => fixture().edge.opens.at(-1)?.agent, PATIENCE).toBe("seller");
    const address = chat.page.url();
    expect(address).toContain("?agent=seller");
    await chat.page.goto("/#/");
    await chat.page.getByRole("button", { name: "With the seller", exact: true }).click();
    await expect.poll(() => chat.page.url(), PATIENCE).toBe(address);
  });

  test("a defect of the page is told in words", async () => {
    const chat = await fixture().reader();
    await said(chat, "Fine so far");
    fixture().session.startTurn();
    await chat.page.evaluate(() => {
      Object.defineProperty(Text.prototype, "appendData", {
        value: () => {
          throw new Error("a defect");
        },
      });
    });
    fixture().session.delta("One ");
    await chat.page.getByText("One").waitFor();
    fixture().session.delta("two.");
    await chat.page.getByRole("heading", { name: "Something went wrong on this page" }).waitFor();
    await chat.page.getByRole("button", { name: "Reload" }).click();
    await chat.page.getByText("One two.").waitFor();
  });
}
