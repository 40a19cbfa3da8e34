// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.examples.GuestBlock.Instruction;
import dev.samara.examples.GuestBlock.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Code that an emulator has generated for a block of its guest: a class that reads the arrays of the TLB itself, and
 * calls a method only if an access misses. Another thread takes memory away meanwhile, and the code stops at its next
 * poll.
 */
public final class GeneratedCode {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final int WORDS = 1_000;

    /* Registers of the guest. */
    private static final int VALUE = 0;
    private static final int SUM = 1;
    private static final int FROM = 2;
    private static final int TO = 3;
    private static final int LEFT = 4;
    private static final int REGISTERS = 5;

    /** Adds words up, and stores each sum. */
    private static final GuestBlock SUMS = new GuestBlock(
            List.of(
                    new Instruction(Kind.LOAD, VALUE, FROM, 0),
                    new Instruction(Kind.ADD, SUM, VALUE, 0),
                    new Instruction(Kind.STORE, SUM, TO, 0),
                    new Instruction(Kind.SET, FROM, FROM, Long.BYTES),
                    new Instruction(Kind.SET, TO, TO, Long.BYTES),
                    new Instruction(Kind.SET, LEFT, LEFT, -1)),
            LEFT);

    /** Counts in a word of memory, without an end. */
    private static final GuestBlock COUNT = new GuestBlock(
            List.of(new Instruction(Kind.SET, SUM, SUM, 1), new Instruction(Kind.STORE, SUM, TO, 0)), LEFT);

    /** What a failed access throws; it has no stack trace. */
    private static final class BlockFault extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final int fault;

        BlockFault(int fault) {
            super(null, null, false, false);
            this.fault = fault;
        }
    }

    private static final class BlockMemory extends FlatMemory {
        BlockMemory(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new BlockFault(fault);
        }
    }

    private final AddressSpace space;
    private final Cpu cpu;
    private final BlockMemory memory;

    GeneratedCode(AddressSpace space, Cpu cpu) {
        this.space = space;
        this.cpu = cpu;
        cpu.switchTo(space);
        memory = new BlockMemory(cpu.memory());
    }

    /** Runs code until it ends or an access fails. Returns the fault. */
    private int run(GuestBlock.Code code, long[] registers) {
        cpu.enterGuest();
        try {
            code.run(memory, registers);
            return Fault.NONE;
        } catch (BlockFault signal) {
            return signal.fault;
        } finally {
            cpu.leaveGuest();
        }
    }

    private long map(long pages) {
        return space.throwing().mmap(0, pages * PAGE, READ | WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, null, 0);
    }

    /** Returns the last sum over words of memory, and a number that stands for all sums. */
    String sums(GuestBlock.Code code) {
        // The words and the sums cross the ends of pages.
        long from = map(3) + 4;
        long to = map(3) + 4;
        for (int i = 0; i < WORDS; i++) {
            memory.storeLong(from + (long) i * Long.BYTES, i * 31L);
        }
        long[] registers = new long[REGISTERS];
        registers[FROM] = from;
        registers[TO] = to;
        registers[LEFT] = WORDS;
        int fault = run(code, registers);
        long hash = 0;
        for (int i = 0; i < WORDS; i++) {
            hash = hash * 31 + memory.loadLong(to + (long) i * Long.BYTES);
        }
        return Fault.toString(fault) + ", sum " + registers[SUM] + ", sums " + Long.toHexString(hash);
    }

    /** Counts in a page until another thread has called the space. */
    String countsUntil(GuestBlock.Code code, String call, long page, Runnable change) {
        long[] registers = new long[REGISTERS];
        registers[TO] = page;
        registers[LEFT] = 1;
        memory.storeLong(page, 0);
        CompletableFuture<Long> lastCount = CompletableFuture.supplyAsync(() -> {
            while (count(page) < WORDS) {
                Thread.onSpinWait();
            }
            change.run();
            return count(page);
        });
        int fault = run(code, registers);
        long last = lastCount.join();
        String result = call + ": " + Fault.toString(fault);
        if (last < 0) {
            return result + ", no page there";
        }
        // The first store after the change has failed.
        return result + (registers[SUM] == last + 1 ? ", no store after it" : ", a store came late");
    }

    /** Returns the number in a page, read by a thread without a CPU; -1 if there is no page. */
    private long count(long page) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        return space.read(page, bytes) == Long.BYTES ? bytes.getLong(0) : -1;
    }

    /**
     * Prints the results of the interpreter and of generated code, and how the code stops.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            GeneratedCode example = new GeneratedCode(space, cpu);
            System.out.println("Interpreter: " + example.sums(SUMS.interpreter()));
            System.out.println("Generated code: " + example.sums(BlockTranslator.translate(SUMS)));
            GuestBlock.Code counting = BlockTranslator.translate(COUNT);
            long page = example.map(1);
            System.out.println(example.countsUntil(
                    counting, "mprotect", page, () -> space.throwing().mprotect(page, PAGE, READ)));
            space.throwing().mprotect(page, PAGE, READ | WRITE);
            System.out.println(example.countsUntil(
                    counting, "munmap", page, () -> space.throwing().munmap(page, PAGE)));
        }
    }
}
