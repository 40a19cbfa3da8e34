// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.Op;

/**
 * The instructions of the extension A, implemented by the atomic updates of the memory. These updates have the order of
 * volatile accesses, which is at least as strong as the order that the bits aq and rl require. A store-conditional
 * compares values, as described in {@link dev.samara.core.guest.FlatMemory}.
 */
final class AtomicInstructions {
    private final Hart hart;

    AtomicInstructions(Hart hart) {
        this.hart = hart;
    }

    void word(int op, int rd, long address, int number, int order) {
        Hart hart = this.hart;
        hart.x[rd] = switch (op) {
            case Op.LR_W -> order == 0 ? hart.loadReservedIntOpaque(address) : hart.loadReservedIntVolatile(address);
            case Op.SC_W -> hart.storeConditionalInt(address, number) ? 0 : 1;
            case Op.AMOSWAP_W -> hart.getAndSetInt(address, number);
            case Op.AMOADD_W -> hart.getAndAddInt(address, number);
            case Op.AMOXOR_W -> hart.getAndBitwiseXorInt(address, number);
            case Op.AMOAND_W -> hart.getAndBitwiseAndInt(address, number);
            case Op.AMOOR_W -> hart.getAndBitwiseOrInt(address, number);
            default -> limitWord(op, address, number);
        };
    }

    private int limitWord(int op, long address, int number) {
        for (; ; ) {
            int old = hart.loadIntVolatile(address);
            int next = switch (op) {
                case Op.AMOMIN_W -> Math.min(old, number);
                case Op.AMOMAX_W -> Math.max(old, number);
                case Op.AMOMINU_W -> Integer.compareUnsigned(old, number) <= 0 ? old : number;
                case Op.AMOMAXU_W -> Integer.compareUnsigned(old, number) >= 0 ? old : number;
                default -> throw new IllegalStateException(Op.name(op) + " is no atomic update");
            };
            if (hart.compareAndSetInt(address, old, next)) {
                return old;
            }
        }
    }

    void wide(int op, int rd, long address, long number, int order) {
        Hart hart = this.hart;
        hart.x[rd] = switch (op) {
            case Op.LR_D -> order == 0 ? hart.loadReservedLongOpaque(address) : hart.loadReservedLongVolatile(address);
            case Op.SC_D -> hart.storeConditionalLong(address, number) ? 0 : 1;
            case Op.AMOSWAP_D -> hart.getAndSetLong(address, number);
            case Op.AMOADD_D -> hart.getAndAddLong(address, number);
            case Op.AMOXOR_D -> hart.getAndBitwiseXorLong(address, number);
            case Op.AMOAND_D -> hart.getAndBitwiseAndLong(address, number);
            case Op.AMOOR_D -> hart.getAndBitwiseOrLong(address, number);
            default -> limitWide(op, address, number);
        };
    }

    private long limitWide(int op, long address, long number) {
        for (; ; ) {
            long old = hart.loadLongVolatile(address);
            long next = switch (op) {
                case Op.AMOMIN_D -> Math.min(old, number);
                case Op.AMOMAX_D -> Math.max(old, number);
                case Op.AMOMINU_D -> Long.compareUnsigned(old, number) <= 0 ? old : number;
                case Op.AMOMAXU_D -> Long.compareUnsigned(old, number) >= 0 ? old : number;
                default -> throw new IllegalStateException(Op.name(op) + " is no atomic update");
            };
            if (hart.compareAndSetLong(address, old, next)) {
                return old;
            }
        }
    }
}
