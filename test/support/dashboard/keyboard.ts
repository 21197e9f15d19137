import type { Page } from 'puppeteer-core';

/** Presses of the tab key after which an element counts as out of reach. */
const MOST = 120;

/** Goes to an element as people without a mouse do. @throws Error where it is never reached */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < MOST; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the tab key never came to ${selector}`);
}

/** Goes to a button by its words and presses it, by keyboard alone. */
export async function pressButton(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => [...document.querySelectorAll('button')].some((button) => button.textContent?.trim() === wanted),
    {},
    text,
  );
  for (let presses = 0; presses < MOST; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.textContent?.trim() === wanted, text)) {
      return await page.keyboard.press('Enter');
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the tab key never came to the button ${text}`);
}

/** Clicks a button by its words. */
export async function clickButton(page: Page, text: string): Promise<void> {
  await page.locator(`::-p-xpath(//button[normalize-space()="${text}"])`).click();
}

/** Waits until the page has a text. */
export async function seesText(page: Page, text: string): Promise<void> {
  await page.waitForFunction((wanted) => document.body.textContent?.includes(wanted), {}, text);
}
