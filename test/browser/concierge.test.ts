import { embeddedTest as test } from "./page-test.ts";

// Only the embedded model tells the concierge what it reads in a message.
test("the agent's state is shown as its patches arrive, and what is observed is counted", async ({ tabs }) => {
  const chat = await tabs.signedIn();
  await chat.say("I love the wonderful museums of Paris.");
  await chat.ended(1, "completed");
  const panel = chat.page.getByRole("complementary", { name: "Agent" });
  await panel.getByText("pleased").waitFor();
  await panel
    .getByRole("button", { name: /^paris/i })
    .first()
    .click();
  await panel.locator('[data-observed="entity.clicked"], [data-observed="topic.clicked"]').getByText("×1").waitFor();
  await panel.getByRole("button", { name: "That helped" }).click();
  await panel.getByRole("button", { name: "That helped" }).click();
  await panel.locator('[data-observed="feedback.helpful"]').getByText("×2").waitFor();
});
