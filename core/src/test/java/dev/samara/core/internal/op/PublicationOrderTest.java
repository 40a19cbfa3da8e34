// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The steps around the one store that publishes an edit. A transaction asks before each step, and finally before it
 * commits, whether its thread holds the lock. The lock of this test then checks what a thread without the lock could
 * see.
 */
@DisplayName("A VMA is attached and linked before the tree has it, detached after, and its gate opens last")
final class PublicationOrderTest {
    private static final long PAGE = Layouts.GEOMETRY.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
    private static final int ANONYMOUS = FIXED | Mman.ANONYMOUS;

    private final MachineMemory memory = SmallMemory.of(64);
    private final FilePages file = new FilePages(memory, 64 * PAGE, false);
    private final MachineState host = Layouts.host(this::retire, () -> new Probing(this::look), memory);
    private final Layout layout = Layouts.layout(host);
    private final List<String> violations = new ArrayList<>();

    /** The VMA that the publication of an operation replaces. */
    private @Nullable VmArea before;

    /** The new VMAs of the unpublished edit that were not attached and linked at the transaction's last question. */
    private List<String> unready = List.of();

    private int looks;
    private @Nullable Gate gate;

    /** A lock that runs an action whenever its owner asks whether it holds the lock. */
    private static final class Probing extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private final transient Runnable probe;
        private boolean isProbing;

        Probing(Runnable probe) {
            this.probe = probe;
        }

        @Override
        public boolean isHeldByCurrentThread() {
            boolean isHeld = super.isHeldByCurrentThread();
            if (isHeld && !isProbing) {
                isProbing = true;
                probe.run();
                isProbing = false;
            }
            return isHeld;
        }
    }

    private final class File implements Backing {
        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 5;
        }

        @Override
        public String name() {
            return "/file";
        }

        @Override
        public PageCache pageCache() {
            return file;
        }
    }

    private void retire(InFlightOperation range) {
        VmArea found = layout.find(PLACE + 2 * PAGE);
        gate = found == null ? null : found.gate();
    }

    private void look() {
        VmArea found = before == null ? null : layout.find(PLACE + 2 * PAGE);
        if (found == null) {
            return;
        }
        if (found.isFresh()) {
            violations.add("found before it was attached: " + found);
        }
        if ((found.isDetached() && !found.isFresh())) {
            violations.add("found after it was detached: " + found);
        }
        if (found == before) {
            looks++;
            unready = new ArrayList<>();
            for (VmArea vma : layout.whole().lists.fresh) {
                if (vma.isFresh() || !vma.isLinked()) {
                    unready.add(vma.toString());
                }
            }
        }
        Gate opened = gate;
        if (opened != null && opened.isOpen() && found.end() != PLACE + 8 * PAGE) {
            violations.add("the gate is open and the seam is not closed: " + found);
        }
    }

    @BeforeEach
    void map() {
        assertEquals(PLACE, Syscall.run(layout, Mmap.of(layout, PLACE, 8 * PAGE, RW, ANONYMOUS, null, 0)));
        before = layout.find(PLACE + 2 * PAGE);
        assertNotNull(before);
    }

    @Test
    @DisplayName("a mapping of a file over another mapping")
    void replaced() {
        VmArea old = before;
        assertNotNull(old);
        assertEquals(PLACE, Syscall.run(layout, Mmap.of(layout, PLACE, 8 * PAGE, RW, FIXED, new File(), 0)));
        assertTrue(looks > 0);
        assertEquals(List.of(), unready, "not attached or not linked as the edit was committed");
        assertEquals(List.of(), violations);
        VmArea now = layout.find(PLACE);
        assertNotNull(now);
        assertTrue((old.isDetached() && !old.isFresh()));
        assertTrue(now.isLinked());
        assertFalse((now.isDetached() && !now.isFresh()));
    }

    @Test
    @DisplayName("a mapping that is one with its neighbours once its operation is complete")
    void joined() {
        assertEquals(
                PLACE + 2 * PAGE,
                Syscall.run(layout, Mmap.of(layout, PLACE + 2 * PAGE, 2 * PAGE, RW, ANONYMOUS, null, 0)));
        Gate opened = gate;
        assertNotNull(opened, "the mapping was in flight");
        assertTrue(opened.isOpen());
        assertEquals(List.of(), violations);
        VmArea whole = layout.find(PLACE);
        assertNotNull(whole);
        assertEquals(PLACE + 8 * PAGE, whole.end());
        layout.validate();
    }
}
