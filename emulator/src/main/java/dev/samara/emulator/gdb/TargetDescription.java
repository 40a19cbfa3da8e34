// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import java.nio.charset.StandardCharsets;

/** The description of the registers for gdb ({@code target.xml}, "RISC-V Features" of gdb's manual). */
final class TargetDescription {
    private static final String[] INTEGERS = {
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
        "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"
    };
    private static final String[] FLOATS = {
        "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
        "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10",
        "ft11"
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
