import type { ChatPage } from "./chat-page.ts";
import { expect, scriptedTest as test } from "./page-test.ts";

/** Getting about: the list of conversations, its page, and what addresses lead to. */

const rows = (chat: ChatPage): Promise<string[]> => chat.page.locator(".session-title").allTextContents();

async function said(chat: ChatPage, text: string): Promise<void> {
  await chat.say(text);
  await chat.page.locator(".message-user").getByText(text).waitFor();
}

test("a conversation is listed once something is said in it; Back leads to the list", async ({ reader }) => {
  const chat = await reader();
  await chat.page.getByText("Say something to begin.").waitFor();
  expect(await rows(chat)).toEqual([]);
  await said(chat, "The first");
  await chat.button("New conversation").click();
  await chat.page.getByText("Say something to begin.").waitFor();
  expect(await rows(chat)).toEqual(["The first"]);
  await chat.page.goto("/");
  await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
  await chat.button("The first").click();
  await chat.page.getByRole("heading", { name: "The first" }).waitFor();
  await chat.page.goBack();
  await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
  await said(chat, "From the list");
  await chat.page.getByRole("heading", { name: "From the list" }).waitFor();
  expect(await rows(chat)).toEqual(["From the list", "The first"]);
});

test("a conversation is taken off the list, and comes back by Undo", async ({ reader }) => {
  const chat = await reader();
  await said(chat, "Keep me");
  await chat.button("New conversation").click();
  await said(chat, "Drop me");
  await chat.button("Remove “Drop me” from the list").click();
  await chat.page.getByRole("heading", { name: "Conversations" }).waitFor();
  expect(await rows(chat)).toEqual(["Keep me"]);
  await expect.poll(() => chat.page.evaluate(() => document.activeElement?.textContent)).toBe("Undo");
  await chat.page.keyboard.press("Enter");
  await expect.poll(() => rows(chat)).toEqual(["Drop me", "Keep me"]);
});

test("after signing out nothing that was said stays in the browser's memory of the list", async ({ reader }) => {
  const chat = await reader();
  await said(chat, "My secret");
  await chat.message.fill("half a secret");
  await chat.button("Sign out").click();
  await chat.page.getByLabel("Your name").waitFor();
  const kept = await chat.page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  expect(kept).not.toContain("secret");
  expect(new URL(chat.page.url()).hash).toBe("#/");
});

test("an address that names no conversation shows the list, with a word", async ({ reader }) => {
  const chat = await reader();
  await said(chat, "Here before");
  for (const hash of ["#/%E0%A4%A", "#/%", "#/two words", "#/a/b/c", "#/%00", "#/ok?agent=a%20b"]) {
    await chat.page.goto(`/${hash}`);
    await chat.page.reload();
    await chat.page.getByRole("alert").getByText("This address names no conversation.").waitFor();
    await chat.button("Here before").waitFor();
  }
});

test("another agent is talked to from the list's page, and its conversation remembers it", async ({ edge, reader }) => {
  const chat = await reader();
  await said(chat, "With the concierge");
  await chat.page.goto("/#/");
  await chat.page.getByText("Talk to another agent").click();
  await chat.page.getByLabel("Agent").fill("seller");
  await said(chat, "With the seller");
  await expect.poll(() => edge.opens.at(-1)?.agent).toBe("seller");
  const address = chat.page.url();
  expect(address).toContain("?agent=seller");
  await chat.page.goto("/#/");
  await chat.button("With the seller").click();
  await expect.poll(() => chat.page.url()).toBe(address);
});

test("a defect of the page is told in words", async ({ session, reader }) => {
  const chat = await reader();
  await said(chat, "Fine so far");
  session.startTurn();
  await chat.page.evaluate(() => {
    Object.defineProperty(Text.prototype, "appendData", {
      value: () => {
        throw new Error("a defect");
      },
    });
  });
  session.delta("One ");
  await chat.page.getByText("One").waitFor();
  session.delta("two.");
  await chat.page.getByRole("heading", { name: "Something went wrong on this page" }).waitFor();
  await chat.button("Reload").click();
  await chat.page.getByText("One two.").waitFor();
});
