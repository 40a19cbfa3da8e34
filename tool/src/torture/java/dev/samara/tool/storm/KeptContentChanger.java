// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Moves, protects and forks private memory, which must keep its content. Each move is from one half of the plot, the
 * pages that this changer changes, to the other half.
 */
final class KeptContentChanger extends Changer {
    /** The time between two reads of a page in the child, during which the parent's CPUs store. */
    private static final long LINGER_NANOS = 1000;

    private final StormRules rules;
    private @Nullable Cpu cpu;
    private int at;

    KeptContentChanger(AddressSpace space, PageModel plot, Random random, StormRules rules) {
        super(space, plot, random);
        this.rules = rules;
        done(space.mmap(plot.address(0), plot.distinct() * PageModel.PAGE, READ | WRITE, ANONYMOUS, null, 0));
        plot.begins(0, plot.distinct());
        plot.ends(0, plot.distinct(), ALL, false);
    }

    /** Sets the CPU that the calling thread uses from now on. */
    void use(Cpu mine) {
        cpu = mine;
    }

    private Cpu cpu() {
        return Objects.requireNonNull(cpu, "cpu");
    }

    @Override
    void step() {
        int pages = plot.distinct();
        switch (random.nextInt(3)) {
            case 0 -> {
                int next = pages - at;
                plot.begins(0, 2 * pages);
                done(space.mremap(
                        plot.address(at),
                        pages * PageModel.PAGE,
                        pages * PageModel.PAGE,
                        Mman.MAYMOVE | Mman.MREMAP_FIXED,
                        plot.address(next)));
                plot.ends(at, at + pages, 0, false);
                plot.ends(next, next + pages, ALL, false);
                at = next;
            }
            case 1 -> {
                protect(at, at + pages);
                unprotect(at, at + pages);
            }
            default -> fork();
        }
    }

    private void fork() {
        Cpu cpu = cpu();
        // The CPU uses the same addresses in the parent before it enters the child.
        cpu.switchTo(space);
        for (int page = 0; page < plot.distinct(); page++) {
            sum(at + page);
        }
        AddressSpace child = space.fork();
        try (child) {
            cpu.switchTo(child);
            for (int round = 0; round < 4; round++) {
                int page = at + random.nextInt(plot.distinct());
                long first = sum(page);
                cpu.memory().store(plot.address(page) + PageModel.STAMP, Long.BYTES, plot.stamp(page, 1, true));
                LockSupport.parkNanos(LINGER_NANOS);
                long second = sum(page);
                if (first == second) {
                    rules.children.held();
                } else {
                    rules.children.broken(plot.name(page) + " counts " + first + ", and then " + second);
                }
            }
        } finally {
            cpu.switchTo(null);
        }
    }

    private long sum(int page) {
        Cpu cpu = cpu();
        GuestMemory memory = cpu.memory();
        int result = memory.load(plot.address(page) + PageModel.SUM, Long.BYTES);
        if (result != Fault.NONE) {
            throw new IllegalStateException(plot.name(page) + " fails: " + Fault.toString(result));
        }
        return memory.value();
    }

    /** Compares the counts in the pages with the sums that were added to them. Called after the last addition. */
    void compare(long[] added) {
        Cpu cpu = cpu();
        cpu.switchTo(space);
        for (int page = 0; page < added.length; page++) {
            // Adds zero, after which each page has its own frame.
            cpu.memory().getAndAdd(plot.address(at + page) + PageModel.SUM, Long.BYTES, 0);
            long sum = sum(at + page);
            if (sum == added[page]) {
                rules.sums.held();
            } else {
                rules.sums.broken(plot.name(page) + " counts " + sum + " of " + added[page]);
            }
        }
        cpu.switchTo(null);
    }
}
