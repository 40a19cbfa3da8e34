// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.life.Life;
import dev.samara.core.oracle.Oracle;
import dev.samara.core.page.Memory;
import dev.samara.core.vma.Vma;
import dev.samara.core.wait.Gate;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layout of one instant as a child's, with its pages ({@code dup_mmap} in {@code kernel/fork.c}). The parent's lock is held
 * for the instant only.
 */
final class Forking {
    private Forking() {}

    @SuppressWarnings("try") // it is there to be closed
    static Layout fork(Layout parent) {
        Memory memory = parent.memoryOrNull();
        if (memory == null) {
            return copyOf(parent);
        }
        try (Oracle.Taking taking = Oracle.taking(
                memory.oracle(), "fork", Oracle.WRITE, parent.pages().number(), 0, 0)) {
            return copyOf(parent);
        }
    }

    private static Layout copyOf(Layout parent) {
        List<Vma> kept = new ArrayList<>();
        try {
            Snapshot<Vma> vmas;
            List<Transit.Join> joins;
            Layout child;
            int maps;
            Copy copy = null;
            parent.lock();
            try {
                child = parent.emptyChild();
                vmas = parent.snapshot();
                maps = (int) parent.counters().maps;
                joins = parent.inTransit().joins();
                Loading.keep(vmas, parent.counters(), kept);
                Memory memory = parent.memoryOrNull();
                if (memory != null) {
                    copy = new Copy(
                            parent,
                            child,
                            memory,
                            List.copyOf(parent.inTransit().transits()));
                    parent.copies().add(copy);
                }
            } finally {
                parent.unlock();
            }
            fill(parent, child, copy, vmas, joins, maps);
            return child;
        } finally {
            kept.forEach(Life::release);
        }
    }

    /** The pages first, so that nobody waits for what a backing answers that is asked for the child. */
    private static void fill(
            Layout parent, Layout child, @Nullable Copy copy, Snapshot<Vma> vmas, List<Transit.Join> joins, int maps) {
        boolean done = false;
        List<SharedAnonymous> objects = new ArrayList<>(0);
        try {
            try {
                if (copy != null) {
                    // Until the copy ends, nothing that the parent has unmapped since is complete.
                    copy.run(vmas, objects);
                }
            } finally {
                end(parent, copy);
            }
            Loading.fork(child, vmas, joins, maps);
            if (copy != null) {
                copy.trim();
            }
            done = true;
        } finally {
            objects.forEach(SharedAnonymous::letGo);
            if (!done && copy != null) {
                copy.undo();
            }
        }
    }

    /** Lets those go on who wait for a copy. */
    private static void end(Layout parent, @Nullable Copy copy) {
        if (copy != null) {
            parent.lock();
            try {
                parent.copies().remove(copy);
            } finally {
                parent.unlock();
            }
            Gate.wake(copy.open());
        }
    }
}
