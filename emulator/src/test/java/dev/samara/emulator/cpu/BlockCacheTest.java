// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.TranslatedCode.TranslatedRegion;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests which blocks caches keep, for memory that contains as many instructions as blocks. */
@Timeout(60)
final class BlockCacheTest {
    /** {@code c.ebreak}, which ends a block. */
    private static final byte[] EBREAK = {0x02, (byte) 0x90};

    private static final int BYTES = 1 << 18;

    /** A CPU with its blocks. */
    private record DecodingCpu(Cpu cpu, BlockCache blocks) implements AutoCloseable {
        static DecodingCpu of(Machine machine, AddressSpace space, Semaphore room) {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            return new DecodingCpu(cpu, new BlockCache(new Hart(cpu), cpu, 0, room));
        }

        void decode(long code, int count) {
            cpu.enterGuest();
            try {
                for (int i = 0; i < count; i++) {
                    assertNotNull(blocks.at(code + 2L * i));
                }
            } finally {
                cpu.leaveGuest();
            }
        }

        boolean install(TranslatedRegion region) {
            cpu.enterGuest();
            try {
                return blocks.install(region);
            } finally {
                cpu.leaveGuest();
            }
        }

        /** Calls the flush listener for what has changed. */
        void poll() {
            cpu.enterGuest();
            cpu.leaveGuest();
        }

        boolean isKept(long address) {
            return blocks.known(address) != null;
        }

        @Override
        public void close() {
            cpu.close();
        }
    }

    private interface CacheUse {
        void use(DecodingCpu first, DecodingCpu second, long code);
    }

    private static void run(Semaphore room, CacheUse body) {
        byte[] code = new byte[BYTES];
        for (int i = 0; i < BYTES; i++) {
            code[i] = EBREAK[i & 1];
        }
        try (Machine machine = Machine.builder().memory(4 << 20).build();
                AddressSpace space = machine.newSpace(ProgramLoader.GEOMETRY);
                DecodingCpu first = DecodingCpu.of(machine, space, room);
                DecodingCpu second = DecodingCpu.of(machine, space, room)) {
            int rights = Mman.READ | Mman.WRITE | Mman.EXEC;
            long at = space.mmap(0, BYTES, rights, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            assertEquals(BYTES, space.write(at, code, 0, BYTES));
            body.use(first, second, at);
        }
    }

    @Test
    @DisplayName("a cache drops its blocks when it has as many as one may have")
    void one() {
        Semaphore room = new Semaphore(Integer.MAX_VALUE);
        run(room, (cache, unused, code) -> {
            cache.decode(code, GuestLimits.BLOCKS_OF_THREAD);
            assertTrue(cache.isKept(code));
            cache.decode(code + 2L * GuestLimits.BLOCKS_OF_THREAD, 1);
            assertFalse(cache.isKept(code), "all were dropped");
            assertTrue(cache.isKept(code + 2L * GuestLimits.BLOCKS_OF_THREAD));
            assertEquals(Integer.MAX_VALUE, room.availablePermits(), "one block is the cache's own");
        });
    }

    @Test
    @DisplayName("a cache drops its blocks when all have as many as they may, and keeps a few in any case")
    void all() {
        Semaphore room = new Semaphore(BlockCache.shared(100));
        run(room, (first, second, code) -> {
            first.decode(code, GuestLimits.LEAST_BLOCKS + 100);
            assertEquals(0, room.availablePermits());
            assertTrue(first.isKept(code));
            second.decode(code, GuestLimits.LEAST_BLOCKS);
            assertTrue(second.isKept(code));
            second.decode(code + 2L * GuestLimits.LEAST_BLOCKS, 1);
            assertFalse(second.isKept(code));
            assertTrue(first.isKept(code), "the other cache keeps what it has");
            first.blocks.clear();
            assertEquals(BlockCache.shared(100), room.availablePermits());
        });
    }

    @Test
    @DisplayName("a link from a block to translated code counts as a quarter of a block, until the block is dropped")
    void links() {
        Semaphore room = new Semaphore(BlockCache.shared(1));
        run(room, (cache, unused, code) -> {
            cache.decode(code, GuestLimits.LEAST_BLOCKS);
            CodeBlock block = Objects.requireNonNull(cache.blocks.known(code));
            CodeBlock next = Objects.requireNonNull(cache.blocks.known(code + 2));
            TranslatedRegion region = new TranslatedRegion(new UnusedCode(), List.of(block, next));
            assertTrue(cache.install(region));
            assertTrue(cache.install(region));
            assertEquals(0, room.availablePermits());
            assertFalse(cache.install(region), "there is no room for another link");
            cache.blocks.clear();
            assertEquals(BlockCache.shared(1), room.availablePermits());
        });
    }

    @Test
    @DisplayName("a fork, a checkpoint and its end drop no blocks, and a restore those of the pages that it changes")
    void checkpoints() {
        run(new Semaphore(Integer.MAX_VALUE), (cache, other, code) -> {
            AddressSpace space = Objects.requireNonNull(cache.cpu.space());
            long next = code + ProgramLoader.GEOMETRY.pageSize();
            Runnable decode = () -> {
                cache.decode(code, 1);
                cache.decode(next, 1);
            };
            decode.run();
            space.fork().close();
            cache.poll();
            assertTrue(cache.isKept(code), "after a fork");
            try (Checkpoint checkpoint = space.checkpoint()) {
                cache.poll();
                assertTrue(cache.isKept(code), "after a checkpoint");
                assertEquals(2, space.write(code, EBREAK, 0, 2));
                decode.run();
                checkpoint.restore();
                cache.poll();
                assertFalse(cache.isKept(code), "put back");
                assertTrue(cache.isKept(next), "of another page");
            }
            cache.poll();
            assertTrue(cache.isKept(next), "after the end of the checkpoint");
        });
    }

    private static final class UnusedCode extends TranslatedCode {
        @Override
        public long run(Hart hart) {
            throw new IllegalStateException("nobody runs this code");
        }
    }
}
