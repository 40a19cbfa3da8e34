// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.isa.Op;

/** The sizes of the loads of instructions, for a debugger with read watchpoints. */
final class LoadSizes {
    private LoadSizes() {}

    /** Returns the number of bytes that an instruction loads; 0 if it does not load. */
    static int bytes(int op) {
        return switch (op) {
            case Op.LB, Op.LBU -> Byte.BYTES;
            case Op.LH, Op.LHU -> Short.BYTES;
            case Op.LW, Op.LWU, Op.FLW -> Integer.BYTES;
            case Op.LD, Op.FLD -> Long.BYTES;
            case Op.LR_W, Op.AMOSWAP_W, Op.AMOADD_W, Op.AMOXOR_W, Op.AMOAND_W, Op.AMOOR_W -> Integer.BYTES;
            case Op.AMOMIN_W, Op.AMOMAX_W, Op.AMOMINU_W, Op.AMOMAXU_W -> Integer.BYTES;
            case Op.LR_D, Op.AMOSWAP_D, Op.AMOADD_D, Op.AMOXOR_D, Op.AMOAND_D, Op.AMOOR_D -> Long.BYTES;
            case Op.AMOMIN_D, Op.AMOMAX_D, Op.AMOMINU_D, Op.AMOMAXU_D -> Long.BYTES;
            default -> 0;
        };
    }

    /** Returns whether the second int of a load is an offset that is added to the address. */
    static boolean hasOffset(int op) {
        return switch (op) {
            case Op.LB, Op.LBU, Op.LH, Op.LHU, Op.LW, Op.LWU, Op.LD, Op.FLW, Op.FLD -> true;
            default -> false;
        };
    }
}
