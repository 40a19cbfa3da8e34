// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.ADD;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.BRANCH;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.HALT;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.LOAD;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.SET;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.STORE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CompletableFuture;

/** Runs a guest's loop as a generated class, while another thread unmaps its memory. */
public final class GeneratedCode {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final long PAGE = GEOMETRY.pageSize();
    private static final int WORDS = 5_000;

    /* Registers of the guest. */
    static final int VALUE = 1;
    static final int SUM = 2;
    static final int FROM = 3;
    static final int TO = 4;
    static final int LEFT = 5;

    private GeneratedCode() {}

    static ToyInstruction toy(ToyInstruction.ToyOperation operation, int a, int b, int number) {
        return new ToyInstruction(operation, a, b, number);
    }

    /** Writes instructions to memory, as a program loader does. */
    static void write(AddressSpace space, long at, ToyInstruction... program) {
        ByteBuffer bytes =
                ByteBuffer.allocate(program.length * ToyInstruction.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (ToyInstruction one : program) {
            bytes.putInt(one.word());
        }
        space.throwing().write(at, bytes.flip());
    }

    static long map(AddressSpace space, long pages, int rights) {
        return space.throwing().mmap(0, pages * PAGE, rights, PRIVATE | ANONYMOUS, null, 0);
    }

    /** Adds up words, stores each partial sum, and halts. */
    static final ToyInstruction[] SUMS = {
        toy(LOAD, VALUE, FROM, 0),
        toy(ADD, SUM, VALUE, 0),
        toy(STORE, SUM, TO, 0),
        toy(SET, FROM, FROM, Long.BYTES),
        toy(SET, TO, TO, Long.BYTES),
        toy(SET, LEFT, LEFT, -1),
        toy(BRANCH, LEFT, 0, -6 * ToyInstruction.BYTES),
        toy(HALT, 0, 0, 0)
    };

    /** Counts in a word of memory, in an endless loop. */
    static ToyInstruction[] counting(int step) {
        return new ToyInstruction[] {
            toy(SET, SUM, SUM, step), toy(STORE, SUM, TO, 0), toy(BRANCH, TO, 0, -2 * ToyInstruction.BYTES)
        };
    }

    private static String sums(AddressSpace space, long code, boolean translates) {
        try (Cpu cpu = space.machine().claimCpu()) {
            return sums(space, new ToyCpu(space, cpu, translates), code);
        }
    }

    private static String sums(AddressSpace space, ToyCpu guest, long code) {
        long[] x = guest.registers();
        x[FROM] = map(space, 10, READ | WRITE);
        x[TO] = map(space, 10, READ | WRITE);
        x[LEFT] = WORDS;
        for (int i = 0; i < WORDS; i++) {
            guest.storeLong(x[FROM] + (long) i * Long.BYTES, i * 31L);
        }
        String end = guest.run(code);
        long last = guest.loadLong(x[TO] - Long.BYTES);
        return end + ", sum " + x[SUM] + ", last word " + last + ", translations "
                + guest.cache().translated();
    }

    /** Counts in a page until another thread unmaps the page. */
    private static String countsUntilUnmapped(AddressSpace space, Cpu cpu, long code) {
        ToyCpu guest = new ToyCpu(space, cpu, true);
        long page = map(space, 1, READ | WRITE);
        guest.registers()[TO] = page;
        CompletableFuture<Void> unmapping = CompletableFuture.runAsync(() -> {
            while (count(space, page) < 1_000_000) {
                Thread.onSpinWait();
            }
            space.throwing().munmap(page, PAGE);
        });
        String end = guest.run(code);
        unmapping.join();
        // The store is the second instruction.
        return end.replace(Long.toHexString(page), "page").replace(Long.toHexString(code + 4), "store");
    }

    /** Returns the number in a page, read on a thread without a CPU. */
    static long count(AddressSpace space, long page) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        space.throwing().read(page, bytes);
        return bytes.getLong(0);
    }

    /**
     * Prints the results of the interpreter and of the generated code, and how the code stops when its memory is
     * unmapped.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            long code = map(space, 1, READ | WRITE | EXEC);
            write(space, code, SUMS);
            System.out.println("Interpreter: " + sums(space, code, false));
            System.out.println("Generated code: " + sums(space, code, true));
            write(space, code, counting(1));
            System.out.println("munmap: " + countsUntilUnmapped(space, cpu, code));
        }
    }
}
