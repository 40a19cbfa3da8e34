// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The content of an anonymous shared object")
final class SharedContentTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final long at = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
    private final Vma first = Objects.requireNonNull(space.find(at));
    private final Backing object = Objects.requireNonNull(first.backing());

    @AfterEach
    void nothingIsLeft() {
        space.validate();
        fixture.closeEmpty();
        assertEquals(0, fixture.machine.committed());
        assertEquals(List.of(), fixture.reports);
    }

    private long mapAgain() {
        return fixture.map(0, 1, RW, Mman.SHARED, object, 0);
    }

    private void unmap(long address) {
        assertEquals(0, space.munmap(address, PAGE));
    }

    private void awaitQuiescence() {
        try {
            fixture.machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private void assertEmpty() {
        awaitQuiescence();
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("ends with the last mapping: mapped again after that, the object is empty")
    void lastMapping() {
        for (long round = 1; round <= 3; round++) {
            long again = round == 1 ? at : mapAgain();
            assertEquals(0, fixture.load(again));
            fixture.store(again, round);
            unmap(again);
        }
        assertEmpty();
    }

    @Test
    @DisplayName("lives on in a mapping that mremap has duplicated with an old size of 0, and in a child")
    void duplicated() {
        fixture.store(at, 7);
        long copy = space.mremap(at, 0, PAGE, Mman.MAYMOVE, 0);
        assertTrue(copy > 0 && copy != at);
        unmap(at);
        awaitQuiescence();
        assertEquals(7, fixture.load(copy));
        AddressSpace child = space.fork();
        unmap(copy);
        awaitQuiescence();
        fixture.cpu.switchTo(child);
        assertEquals(7, fixture.load(copy));
        fixture.cpu.switchTo(space);
        long again = mapAgain();
        assertEquals(7, fixture.load(again));
        fixture.store(again, 8);
        fixture.cpu.switchTo(child);
        assertEquals(8, fixture.load(copy));
        child.validate();
        fixture.cpu.switchTo(space);
        child.close();
        unmap(again);
        assertEmpty();
    }

    @Test
    @DisplayName("lives as long as a reference on a VMA that has mapped it")
    void referenced() {
        fixture.store(at, 7);
        VmaRef reference = Objects.requireNonNull(space.acquire(at));
        unmap(at);
        awaitQuiescence();
        long again = mapAgain();
        assertEquals(7, fixture.load(again));
        unmap(again);
        awaitQuiescence();
        assertEquals(1, fixture.frames());
        reference.close();
        assertEmpty();
        assertEquals(0, fixture.load(mapAgain()));
    }

    @Test
    @DisplayName("is one for all mappings: also where an older VMA is loaded into another space, and the object mapped"
            + " again")
    void loadedAndMappedAgain() {
        List<Vma> older = space.snapshot().vmas();
        fixture.store(at, 7);
        unmap(at);
        assertEmpty();
        long again = mapAgain();
        fixture.store(again, 5);
        AddressSpace second =
                fixture.machine.space(SpaceFixture.GEOMETRY).load(older).build();
        fixture.cpu.switchTo(second);
        assertEquals(5, fixture.load(at));
        fixture.store(at, 6);
        second.validate();
        fixture.cpu.switchTo(space);
        assertEquals(6, fixture.load(again));
        unmap(again);
        awaitQuiescence();
        fixture.cpu.switchTo(second);
        assertEquals(6, fixture.load(at));
        fixture.cpu.switchTo(space);
        second.close();
        assertEmpty();
    }

    @Test
    @DisplayName("is one for all mappings: also where it ends between the question for its traits and the mapping")
    void endsBeforeItIsMapped() {
        BackingTraits asked = Objects.requireNonNull(BackingTraits.of(object));
        unmap(at);
        assertEmpty();
        long again = mapAgain();
        fixture.store(again, 5);
        long late;
        try (Edit edit = Layouts.edit(fixture.layout())) {
            edit.publish(new Mmap(0, PAGE, RW, Mman.SHARED, asked, 0).decide(edit));
            late = edit.operation.result();
        }
        assertEquals(5, fixture.load(late));
        unmap(again);
        awaitQuiescence();
        assertEquals(5, fixture.load(late));
    }

    @Test
    @DisplayName("does not end by an edit that has taken its last mapping away, has charged for others, and is dropped")
    void droppedEdit() {
        fixture.store(at, 7);
        // Leaves an idle page table context, without which the edit would end immediately.
        assertEquals(0, space.munmap(fixture.anonymous(1), PAGE));
        List<SharedAnonymous> kept = new ArrayList<>();
        SharedAnonymous.grab(VmArea.of(first), kept);
        try (Edit edit = Layouts.edit(fixture.layout())) {
            VmaMerge.unmap(edit, at, at + PAGE);
            assertTrue(edit.charge(1));
            kept.forEach(SharedAnonymous::drop);
            awaitQuiescence();
        }
        assertEquals(7, fixture.load(at));
    }

    @Test
    @DisplayName("ends where its last mapping is replaced by a call that has charged for more")
    void replacedByWhatGrows() {
        fixture.store(at, 7);
        long own = fixture.anonymous(1);
        fixture.store(own, 8);
        // Far away from other mappings, so that two pages fit.
        long place = 0x10_0000_0000L;
        assertEquals(place, space.mremap(at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, place));
        assertEquals(place, space.mremap(own, PAGE, 2 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, place));
        assertEquals(8, fixture.load(place));
        awaitQuiescence();
        assertEquals(1, fixture.frames());
    }
}
