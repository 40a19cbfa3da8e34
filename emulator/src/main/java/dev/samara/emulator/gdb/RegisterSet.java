// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Hart;
import java.nio.charset.StandardCharsets;

/** A copy of a thread's registers, by gdb's register numbers. Guarded by the monitor of {@link StopControl}. */
final class RegisterSet {
    /** The number of pc, after x0 to x31. */
    static final int PC = 32;

    private static final int FIRST_FLOAT = 33;
    private static final int LAST_FLOAT = 64;
    private static final int FLAGS = 66;
    private static final int ROUNDING = 67;
    private static final int CONTROL = 68;
    private static final int COUNT = 69;

    private static final int FLAG_BITS = 5;
    private static final int FLAG_MASK = 0x1f;
    private static final int ROUNDING_MASK = 7;

    private final long[] x = new long[PC];
    private final long[] f = new long[LAST_FLOAT - FIRST_FLOAT + 1];
    private long pc;
    private int fcsr;
    private boolean isChanged;

    RegisterSet() {}

    void copyFrom(Hart hart) {
        System.arraycopy(hart.x, 0, x, 0, x.length);
        System.arraycopy(hart.f, 0, f, 0, f.length);
        pc = hart.pc;
        fcsr = hart.fcsr;
        isChanged = false;
    }

    /** Copies the registers back to a hart if the client has changed them. Returns whether pc differs. */
    boolean copyTo(Hart hart) {
        if (!isChanged) {
            return false;
        }
        isChanged = false;
        System.arraycopy(x, 0, hart.x, 0, x.length);
        System.arraycopy(f, 0, hart.f, 0, f.length);
        hart.fcsr = fcsr;
        boolean isElsewhere = hart.pc != pc;
        hart.pc = pc;
        return isElsewhere;
    }

    long pc() {
        return pc;
    }

    /** Returns the highest register number plus 1. */
    static int count() {
        return COUNT;
    }

    /** Returns the size of a register in bytes; 0 if there is no register with that number. */
    static int size(int number) {
        if (number < 0 || number >= COUNT || number == FLAGS - 1) {
            return 0;
        }
        return number <= LAST_FLOAT ? Long.BYTES : Integer.BYTES;
    }

    long get(int number) {
        if (number < PC) {
            return x[number];
        }
        if (number >= FIRST_FLOAT && number <= LAST_FLOAT) {
            return f[number - FIRST_FLOAT];
        }
        return switch (number) {
            case PC -> pc;
            case FLAGS -> fcsr & FLAG_MASK;
            case ROUNDING -> fcsr >> FLAG_BITS & ROUNDING_MASK;
            default -> fcsr;
        };
    }

    /** Sets an existing register. x0 stays 0, and pc stays even. */
    void set(int number, long value) {
        isChanged = true;
        if (number > 0 && number < PC) {
            x[number] = value;
        } else if (number >= FIRST_FLOAT && number <= LAST_FLOAT) {
            f[number - FIRST_FLOAT] = value;
        } else if (number == PC) {
            pc = value & -2;
        } else if (number == FLAGS) {
            fcsr = (fcsr & ~FLAG_MASK) | ((int) value & FLAG_MASK);
        } else if (number == ROUNDING) {
            fcsr = (fcsr & FLAG_MASK) | (((int) value & ROUNDING_MASK) << FLAG_BITS);
        } else if (number == CONTROL) {
            fcsr = (int) value & 0xff;
        }
    }

    /** The description of the registers for gdb ({@code target.xml}, "RISC-V Features" of gdb's manual). */
    static final class TargetDescription {
        private static final String[] INTEGERS = {
            "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
            "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"
        };
        private static final String[] FLOATS = {
            "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4",
            "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9",
            "ft10", "ft11"
        };
        private static final String[] CONTROLS = {"fflags", "frm", "fcsr"};
        private static final int FIRST_CONTROL = 66;

        private TargetDescription() {}

        private static void add(StringBuilder xml, String name, int bits, String type, int number) {
            xml.append("<reg name=\"").append(name).append("\" bitsize=\"").append(bits);
            xml.append("\" type=\"")
                    .append(type)
                    .append("\" regnum=\"")
                    .append(number)
                    .append("\"/>\n");
        }

        private static String pointerType(String name) {
            return switch (name) {
                case "sp", "gp", "tp", "fp" -> "data_ptr";
                case "ra" -> "code_ptr";
                default -> "int";
            };
        }

        static byte[] bytes() {
            StringBuilder xml = new StringBuilder("""
                    <?xml version="1.0"?>
                    <!DOCTYPE target SYSTEM "gdb-target.dtd">
                    <target version="1.0">
                    <architecture>riscv:rv64</architecture>
                    <osabi>GNU/Linux</osabi>
                    <feature name="org.gnu.gdb.riscv.cpu">
                    """);
            for (int i = 0; i < INTEGERS.length; i++) {
                add(xml, INTEGERS[i], Long.SIZE, pointerType(INTEGERS[i]), i);
            }
            add(xml, "pc", Long.SIZE, "code_ptr", RegisterSet.PC);
            xml.append("""
                    </feature>
                    <feature name="org.gnu.gdb.riscv.fpu">
                    <union id="riscv_double">
                    <field name="float" type="ieee_single"/><field name="double" type="ieee_double"/>
                    </union>
                    """);
            for (int i = 0; i < FLOATS.length; i++) {
                add(xml, FLOATS[i], Long.SIZE, "riscv_double", RegisterSet.PC + 1 + i);
            }
            for (int i = 0; i < CONTROLS.length; i++) {
                add(xml, CONTROLS[i], Integer.SIZE, "int", FIRST_CONTROL + i);
            }
            return xml.append("</feature>\n</target>\n").toString().getBytes(StandardCharsets.UTF_8);
        }
    }
}
