// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;

/**
 * One CPU of the toy guest in one space, with its registers, an interpreter, and the loops that were translated for it.
 */
final class ToyCpu extends FlatMemory {
    private static final int COUNT = 16;

    /** The exception of a failed access. It is created once, without a stack trace. */
    private static final class Signal extends RuntimeException {
        private static final long serialVersionUID = 1;

        Signal() {
            super(null, null, false, false);
        }
    }

    private final Signal signal = new Signal();
    private final Cpu cpu;
    private final TranslationCache cache;
    private final boolean translates;
    private final long[] registers = new long[COUNT];
    private long pc;
    private boolean isOver;
    private String end = "";

    /**
     * Creates the guest of a CPU.
     *
     * @param cpu the CPU, which is switched to the space
     * @param translates whether loops are translated
     */
    ToyCpu(AddressSpace space, Cpu cpu, boolean translates) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
        this.cpu = cpu;
        this.translates = translates;
        cpu.switchTo(space);
        cache = new TranslationCache(space, cpu, this);
    }

    long[] registers() {
        return registers;
    }

    /**
     * Returns the address of the next instruction or, after a failed access, of the instruction that made the access.
     */
    long pc() {
        return pc;
    }

    TranslationCache cache() {
        return cache;
    }

    /** Runs until the guest halts or an access fails, and returns a text that describes how the run ended. */
    String run(long start) {
        pc = start;
        isOver = false;
        cpu.enterGuest();
        try {
            while (!isOver) {
                // The poll is here and not in the loops, so that the TLB entries that a loop copied stay valid while it
                // runs.
                poll();
                TranslationCache.Loop loop = cache.at(pc);
                if (loop != null) {
                    pc = loop.code().run(registers, tlb().key());
                }
                // At least one instruction is interpreted, because the loop may have exited before an access that it
                // cannot make.
                step();
            }
        } catch (Signal thrown) {
            // fault() recorded the end. The registers contain their values from before the instruction.
        } finally {
            cpu.leaveGuest();
        }
        return end;
    }

    /** Interprets an instruction. The instruction changes the registers only after its access succeeds. */
    private void step() {
        ToyInstruction one = ToyInstruction.of(fetchInt(pc));
        long sum = registers[one.b()] + one.number();
        long next = pc + ToyInstruction.BYTES;
        switch (one.operation()) {
            case SET -> registers[one.a()] = sum;
            case ADD -> registers[one.a()] += registers[one.b()];
            case LOAD -> registers[one.a()] = loadLong(sum);
            case STORE -> storeLong(sum, registers[one.a()]);
            case BRANCH -> {
                if (registers[one.a()] != 0) {
                    if (one.number() < 0 && translates) {
                        cache.jumped(pc + one.number(), next);
                    }
                    next = pc + one.number();
                }
            }
            case FENCE -> cache.clear();
            default -> {
                end = "halted";
                isOver = true;
            }
        }
        pc = next;
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        end = Fault.toString(fault) + " at 0x" + Long.toHexString(address) + ", pc 0x" + Long.toHexString(pc);
        isOver = true;
        throw signal;
    }
}
