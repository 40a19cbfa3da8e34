// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("P21: a call that is refused because it would have to wait for a fork changes nothing")
final class RefusedCallTest {
    private final HeldOperations holding = new HeldOperations(Machine.builder().memory(1 << 24));
    private final AddressSpace space = holding.machine().newSpace(LINUX);
    private final CountingBacking file = new CountingBacking("/device", 9);

    private Vma device() {
        Vma vma = space.find(page(16));
        assertNotNull(vma);
        return vma;
    }

    @ParameterizedTest
    @EnumSource(
            value = RangeCall.class,
            names = {"MMAP_FIXED_PART", "MUNMAP_LAST_PAGE", "MREMAP_FROM", "MREMAP_SHRINK"})
    @DisplayName("its backing is closed as often as it was opened")
    void opensAreClosed(RangeCall column) throws Exception {
        map(space, 0, 8, RW);
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().store(page(0), 8, 1));
        }
        int shared = Mman.SHARED | Mman.FIXED;
        assertEquals(page(16), space.mmap(page(16), 4 * PAGE, RW, shared, file, 0));
        Vma before = device();
        AtomicReference<HeldOperations.@Nullable Caller<AddressSpace>> fork = new AtomicReference<>();
        AtomicReference<@Nullable IllegalStateException> refused = new AtomicReference<>();
        holding.duringNext(() -> {
            // The fork's copy waits for the retirement that calls this.
            fork.set(waits(space::fork));
            refused.set(assertThrows(IllegalStateException.class, () -> column.run(space, 16, 4)));
        });
        assertEquals(0, space.mprotect(page(0), PAGE, Mman.READ));
        IllegalStateException refusal = refused.get();
        assertNotNull(refusal);
        assertTrue(String.valueOf(refusal.getMessage()).contains("would have to wait for a fork"));
        HeldOperations.Caller<AddressSpace> forked = fork.get();
        assertNotNull(forked);
        forked.result().close();
        space.validate();
        assertSame(before, device());
        space.close();
        holding.machine().awaitQuiescence();
        assertEquals(0, file.stillOpen());
    }
}
