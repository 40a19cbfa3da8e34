// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PollingCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A VMA is replaced after a fault looked it up, and before the fault prepared its anon_vma. */
@ExtendWith(OneThread.class)
@DisplayName("A fault that is about to install a page at a VMA that was replaced meanwhile")
final class VmaRecheckTest {
    private static final int LENGTH = 4;

    private final SpaceFixture fixture = new SpaceFixture(64);
    private final Layout layout = fixture.layout();
    private final long at = fixture.anonymous(LENGTH);
    private final VmArea found = vma();

    @AfterEach
    void nothingIsLeft() {
        fixture.closeEmpty();
    }

    private VmArea vma() {
        return Objects.requireNonNull(fixture.layout().find(at));
    }

    private @Nullable VmArea standing() {
        return Faulter.recheck(layout, found, at, true);
    }

    private void advise(long pages, int advice) {
        assertEquals(0, fixture.space.madvise(at, pages * SpaceFixture.PAGE, advice));
    }

    @Test
    @DisplayName("goes on with that VMA if it is still there")
    void attached() {
        VmaMerge.prepareAnonVma(layout, found);
        assertSame(found, standing());
    }

    @Test
    @DisplayName("gives its successor the anon_vma too, so that a fork copies the page")
    void replaced() {
        advise(1, Mman.DONTDUMP);
        VmArea successor = vma();
        assertNotSame(found, successor);
        VmaMerge.prepareAnonVma(layout, found);
        assertNull(successor.anonVma(), "prepared although it was replaced first");
        assertSame(successor, standing());
        assertNotNull(successor.anonVma());
    }

    @Test
    @DisplayName("gives its successor no anon_vma for a page that is not its own")
    void replacedBesideARead() {
        VmaMerge.prepareAnonVma(layout, found);
        fixture.map(at, LENGTH, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
        assertSame(vma(), Faulter.recheck(layout, found, at, false));
        assertNull(vma().anonVma());
    }

    @Test
    @DisplayName("passes over a successor that was replaced too")
    void replacedTwice() {
        advise(1, Mman.DONTDUMP);
        VmArea between = vma();
        advise(2, Mman.DONTFORK);
        VmArea last = vma();
        assertNotSame(between, last);
        VmaMerge.prepareAnonVma(layout, found);
        assertSame(last, standing());
        assertNotNull(last.anonVma());
        assertNull(between.anonVma());
    }

    @Test
    @DisplayName("starts over at a like mapping whose gate is closed: pages of the old one may be in its range")
    void behindAClosedGate() {
        fixture.store(at, 7);
        FutureTask<Long> mapped = new FutureTask<>(() -> fixture.space.mmap(
                at, LENGTH * SpaceFixture.PAGE, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0));
        try (PollingCpu guest = PollingCpu.reading(fixture.space, at)) {
            guest.stopPolling();
            Thread mapper = new Thread(mapped, "mmap");
            mapper.setDaemon(true);
            mapper.start();
            Await.until("the mapping is published", found::isDetached, fixture.reports, mapper);
            assertNotSame(found, vma());
            assertNull(Faulter.recheck(layout, found, at, false));
            assertFalse(mapped.isDone());
            guest.goOn();
        }
        assertEquals(at, Await.result("mmap", mapped, fixture.reports));
        assertSame(vma(), Faulter.recheck(layout, found, at, false));
    }

    @Test
    @DisplayName("starts over where another mapping is")
    void otherMapping() {
        fixture.map(at, 1, SpaceFixture.RW, Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED, null, 0);
        VmaMerge.prepareAnonVma(layout, found);
        assertNull(standing());
        assertNull(vma().anonVma());
        assertEquals(0, fixture.space.munmap(at, SpaceFixture.PAGE));
        assertNull(standing());
    }
}
