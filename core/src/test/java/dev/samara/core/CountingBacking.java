// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A backing that notes what it is told, and what it must not be told: to close what is not open, or to open one object
 * twice. A test may answer for it, and is asked before anything is noted.
 */
public class CountingBacking extends NamedBacking {
    /* Guarded by this. */

    private final Set<Vma> open = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<String> mistakes = new ArrayList<>();
    private int opens;
    private int closes;

    public CountingBacking(String name, int inode) {
        super(name, inode);
    }

    /** The test's answer to an open; null for yes. */
    protected @Nullable Errno askedForOpen(Vma vma) {
        return null;
    }

    /** The test's answer to a cut; null for yes. */
    protected @Nullable Errno askedForSplit(Vma vma, long address) {
        return null;
    }

    /** Told to a test before a close is noted. */
    protected void toldOfClose(Vma vma) {}

    @Override
    public @Nullable Errno open(Vma vma) {
        Errno refusal = askedForOpen(vma);
        if (refusal == null) {
            noteOpen(vma);
        }
        return refusal;
    }

    private synchronized void noteOpen(Vma vma) {
        opens++;
        if (vma.backing() != this || !open.add(vma)) {
            mistakes.add("opened for " + vma);
        }
    }

    @Override
    public @Nullable Errno maySplit(Vma vma, long address) {
        if (!vma.contains(address) || address == vma.start()) {
            synchronized (this) {
                mistakes.add("cut at " + Long.toHexString(address) + ": " + vma);
            }
        }
        return askedForSplit(vma, address);
    }

    @Override
    public void close(Vma vma) {
        toldOfClose(vma);
        noteClose(vma);
    }

    private synchronized void noteClose(Vma vma) {
        closes++;
        if (!open.remove(vma)) {
            mistakes.add("closed, but not open: " + vma);
        }
    }

    /** How many opens have no close. Throws if it was told something that cannot be. */
    public final synchronized int stillOpen() {
        assertEquals(List.of(), mistakes);
        assertEquals(open.size(), opens - closes);
        return open.size();
    }

    /** How many opens it has agreed to. */
    public final synchronized int opens() {
        return opens;
    }

    /** How many closes it was told of. */
    public final synchronized int closes() {
        return closes;
    }
}
