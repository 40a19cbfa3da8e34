// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.OpenOption;
import java.nio.file.Path;

/** Reads and writes through a shared mapping in a space, with one CPU per thread, under a memory limit. */
final class MappingPass extends FilePass {
    private final Machine machine;
    private final AddressSpace space;
    private final HostFile opened;
    private final long base;

    /** Accesses that must succeed. */
    private static final class WholePages extends FlatMemory {
        WholePages(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        long sum(long page) {
            long sum = 0;
            for (long word = page; word < page + PAGE; word += Long.BYTES) {
                sum += loadLong(word);
            }
            return sum;
        }

        void fill(long page) {
            for (long word = page; word < page + PAGE; word += Long.BYTES) {
                storeLong(word, word);
            }
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    MappingPass(Path file, long size, long limit, OpenOption[] options) throws IOException {
        super(file, size);
        machine = Machine.builder().memory(2 * limit).cacheLimit(limit).build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        opened = machine.openFile(file, Geometry.LINUX_X86_64, options);
        base = space.mmap(0, size, Mman.READ | Mman.WRITE, Mman.SHARED, opened, 0);
        if (Errno.isError(base)) {
            throw new IllegalStateException("the file could not be mapped: " + Errno.of(base));
        }
    }

    @Override
    PassThread worker(Kind kind) {
        if (!kind.isInOrder() && space.madvise(base, size, Mman.RANDOM) != 0) {
            throw new IllegalStateException("no advice is taken");
        }
        Cpu cpu = machine.claimCpu();
        cpu.switchTo(space);
        GuestMemory memory = cpu.memory();
        WholePages flat = new WholePages(memory);
        PageRun run = memory.newRun();
        cpu.enterGuest();
        ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
        return new PassThread() {
            @Override
            public void readInOrder(long start, long end) {
                ByteBuffer bytes = ByteBuffer.allocateDirect(BUFFER);
                for (long at = start; at < end; at += BUFFER) {
                    int length = (int) Math.min(BUFFER, end - at);
                    if (memory.copyOut(base + at, bytes.clear().limit(length)) != length) {
                        throw new IllegalStateException(Fault.toString(memory.fault()));
                    }
                    cpu.poll();
                }
            }

            @Override
            public long scanInOrder(long start, long end) {
                long sum = 0;
                for (long at = base + start; at < base + end; at += PAGE) {
                    sum += flat.sum(at);
                    cpu.poll();
                }
                return sum;
            }

            @Override
            public long scanByRuns(long start, long end) {
                long sum = 0;
                for (long at = base + start; at < base + end; at += run.length()) {
                    if (run.seek(at, (int) Math.min(BUFFER, base + end - at), Mman.READ) == 0) {
                        throw new IllegalStateException(Fault.toString(memory.fault()));
                    }
                    sum += sum(run.buffer(), run.offset(), run.offset() + run.length());
                    cpu.poll();
                }
                return sum;
            }

            @Override
            public long sumPages(int count) {
                long sum = 0;
                for (int i = 0; i < count; i++) {
                    long at = base + (long) (i & PAGES_IN_MEMORY - 1) * PAGE;
                    if (run.seek(at, PAGE, Mman.READ) != PAGE) {
                        throw new IllegalStateException(Fault.toString(memory.fault()));
                    }
                    sum += sum(run.buffer(), run.offset(), run.offset() + PAGE);
                    cpu.poll();
                }
                return sum;
            }

            private long sum(ByteBuffer bytes, int from, int to) {
                long sum = 0;
                for (int i = from; i < to; i += Long.BYTES) {
                    sum += bytes.getLong(i);
                }
                return sum;
            }

            @Override
            public long readAt(long start) {
                cpu.poll();
                return flat.loadLong(base + start);
            }

            @Override
            public void writeInOrder(long start, long end) {
                for (long at = base + start; at < base + end; at += PAGE) {
                    flat.fill(at);
                    cpu.poll();
                }
            }

            @Override
            public void writeAt(long start) {
                cpu.poll();
                flat.storeLong(base + start, start);
            }

            @Override
            public void writePageAt(long start) {
                cpu.poll();
                if (memory.copyIn(base + start, page.clear()) != PAGE) {
                    throw new IllegalStateException(Fault.toString(memory.fault()));
                }
            }

            @Override
            public void close() {
                cpu.leaveGuest();
                cpu.close();
            }
        };
    }

    @Override
    void force() {
        if (opened.fsync() != 0) {
            throw new IllegalStateException("the file could not be saved");
        }
    }

    @Override
    public void close() {
        opened.close();
        space.close();
        machine.close();
    }
}
