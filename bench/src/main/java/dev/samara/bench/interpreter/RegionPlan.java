// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The instructions of one region, up to a maximum number: those that the guest can reach from the region's start
 * through branches and direct jumps, and those after a call. A region can be entered at its start and at the return
 * address of each call.
 */
final class RegionPlan {
    /**
     * One instruction.
     *
     * @param pc its address
     * @param word the word in memory
     * @param operation a constant of {@link Interpreter}
     * @param rd the target register
     * @param rs1 the first source
     * @param rs2 the second source
     * @param imm the immediate
     */
    record Instruction(long pc, int word, int operation, int rd, int rs1, int rs2, int imm) {
        static Instruction at(long pc, int word) {
            return new Instruction(
                    pc,
                    word,
                    Decoder.operation(word),
                    word >> 7 & 31,
                    word >> 15 & 31,
                    word >> 20 & 31,
                    Decoder.immediate(word));
        }

        long target() {
            return pc + imm;
        }

        long next() {
            return pc + Integer.BYTES;
        }

        boolean isBranch() {
            return operation == Interpreter.BNE || operation == Interpreter.BLT || operation == Interpreter.BGE;
        }

        boolean isCall() {
            return (operation == Interpreter.JAL || operation == Interpreter.JALR) && rd != 0;
        }

        /** Returns whether the guest never continues with the following instruction in memory. */
        boolean isLast() {
            return operation >= Interpreter.JAL;
        }

        boolean isLoad() {
            return operation >= Interpreter.LD && operation <= Interpreter.LBU;
        }

        boolean isStore() {
            return operation >= Interpreter.SD && operation <= Interpreter.SB;
        }

        /** Returns whether the instruction writes to a register. */
        boolean writes() {
            return rd != 0
                    && !isStore()
                    && !isBranch()
                    && operation != Interpreter.FENCE_I
                    && operation != Interpreter.ECALL;
        }
    }

    private final NavigableMap<Long, Instruction> instructions = new TreeMap<>();
    private final TreeSet<Long> leaders = new TreeSet<>();
    private final List<Long> entries = new ArrayList<>();

    private RegionPlan() {}

    /**
     * Plans a region.
     *
     * @param start the address of its first entry
     * @param ram the memory that contains the instructions
     * @param most the maximum number of instructions
     */
    static RegionPlan of(long start, GuestRam ram, int most) {
        RegionPlan plan = new RegionPlan();
        plan.collect(start, ram, most);
        return plan;
    }

    private void collect(long start, GuestRam ram, int most) {
        entries.add(start);
        ArrayDeque<Long> found = new ArrayDeque<>(List.of(start));
        while (!found.isEmpty()) {
            long pc = found.remove();
            leaders.add(pc);
            while (instructions.size() < most && !instructions.containsKey(pc)) {
                Instruction one = fetched(pc, ram);
                if (one == null) {
                    break;
                }
                instructions.put(pc, one);
                if (one.isBranch() || one.operation == Interpreter.JAL) {
                    found.add(one.target());
                }
                if (one.isCall()) {
                    found.add(one.next());
                    if (!entries.contains(one.next())) {
                        entries.add(one.next());
                    }
                }
                if (one.isBranch()) {
                    leaders.add(one.next());
                }
                if (one.isLast()) {
                    break;
                }
                pc = one.next();
            }
        }
        leaders.retainAll(instructions.keySet());
        entries.retainAll(instructions.keySet());
    }

    /**
     * Returns the instruction at an address, or null if none can be fetched. This is not an error, because the guest
     * may never reach the address.
     */
    private static @Nullable Instruction fetched(long pc, GuestRam ram) {
        try {
            return Instruction.at(pc, ram.fetchInt(pc));
        } catch (IllegalStateException | IndexOutOfBoundsException none) {
            return null;
        }
    }

    /** Returns the instructions, in the order of their addresses. */
    Iterable<Instruction> instructions() {
        return instructions.values();
    }

    Instruction at(long pc) {
        return Objects.requireNonNull(instructions.get(pc));
    }

    boolean has(long pc) {
        return instructions.containsKey(pc);
    }

    /** Returns whether the guest may reach an instruction by other ways than from the preceding instruction. */
    boolean isLeader(long pc) {
        return leaders.contains(pc);
    }

    Iterable<Long> leaders() {
        return leaders;
    }

    /** Returns the addresses at which the region can be entered. The first one is its start. */
    List<Long> entries() {
        return entries;
    }

    int size() {
        return instructions.size();
    }

    /** Returns whether the memory still contains these instructions. */
    boolean isCurrent(GuestRam ram) {
        for (Instruction one : instructions.values()) {
            Instruction now = fetched(one.pc, ram);
            if (now == null || now.word != one.word) {
                return false;
            }
        }
        return true;
    }
}
