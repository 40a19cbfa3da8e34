// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeView;
import dev.samara.maple.Transaction;
import java.util.Arrays;
import java.util.Random;

/**
 * Accounts that are far from each other. Transactions move amounts between them: a reader that sees all of a
 * transaction or none of it finds the sum unchanged. Each transaction stores its number in every account, so a later
 * lookup never finds a lower number. The place in a mark is the amount.
 */
final class AccountSums implements Actor {
    private static final int ACCOUNTS = 10;
    private static final int EACH = 1000;

    private final TortureTree setup;
    private final MapleTree<Mark> tree;
    private final long[] firsts;

    /** Written only by the thread of this actor. */
    private final int[] amounts = new int[ACCOUNTS];

    private int number;

    AccountSums(TortureTree setup) {
        this.setup = setup;
        tree = setup.tree;
        firsts = setup.scattered(ACCOUNTS, this);
        Arrays.fill(amounts, EACH);
        tree.update(this::storeAll);
    }

    private void storeAll(Transaction<Mark> transaction) {
        for (int account = 0; account < ACCOUNTS; account++) {
            store(transaction, account);
        }
    }

    private void store(Transaction<Mark> transaction, int account) {
        transaction.store(firsts[account], TortureTree.last(firsts[account]), new Mark(this, amounts[account], number));
    }

    @Override
    public void step(Random random) {
        for (int n = 0; n < 20; n++) {
            move(random);
        }
    }

    private void move(Random random) {
        int from = random.nextInt(ACCOUNTS);
        int to = random.nextInt(ACCOUNTS);
        int amount = random.nextInt(EACH);
        boolean commits = random.nextInt(8) != 0;
        number++;
        amounts[from] -= amount;
        tree.update(transaction -> {
            storeAll(transaction);
            if (!commits) {
                transaction.abort();
                return;
            }
            amounts[to] += amount;
            store(transaction, to);
        });
        if (!commits) {
            amounts[from] += amount;
        }
        setup.edited();
    }

    private Mark at(RangeView<Mark> view, int account, Checker checker) {
        Mark mark = view.get(firsts[account]);
        if (mark == null || !mark.isOf(this)) {
            checker.violated("account " + account + " has " + mark);
            return new Mark(this, 0, 0);
        }
        return mark;
    }

    /** Adds up the amounts in snapshots. */
    Actor auditor(Checker checker) {
        int[] newest = {0};
        return random -> {
            RangeView<Mark> now = tree.snapshot();
            int seen = at(now, 0, checker).number();
            int sum = 0;
            for (int account = 0; account < ACCOUNTS; account++) {
                Mark mark = at(now, account, checker);
                sum += mark.place();
                checker.check(mark.number() == seen, "parts of two transactions in a snapshot");
            }
            checker.check(sum == ACCOUNTS * EACH, "half a transaction in a snapshot, the sum is " + sum);
            checker.check(seen >= newest[0], "a snapshot older than the one before");
            if (seen != newest[0]) {
                checker.overlapped();
            }
            newest[0] = seen;
        };
    }

    /** Looks up one account after another while they change. */
    Actor reader(Checker checker) {
        return random -> {
            int before = 0;
            for (int n = 0; n < 500 * ACCOUNTS; n++) {
                int seen = at(tree, random.nextInt(ACCOUNTS), checker).number();
                boolean holds = seen >= before;
                checker.check(holds, holds ? "" : "transaction " + before + " was seen, then " + seen);
                if (seen != before && n > 0) {
                    checker.overlapped();
                }
                before = seen;
            }
        };
    }
}
