// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

/**
 * What a process is called. Its arguments are in its memory.
 *
 * @param path the path of its file in the guest's file system
 * @param called a path whose last name is that of the command: of a script, not of its interpreter
 */
public record ProgramNames(String path, String called) {
    /** The most bytes of the name of a command, with the 0 at its end ({@code TASK_COMM_LEN}). */
    public static final int BYTES = 16;

    private static final int MOST = BYTES - 1;

    /** The name of the command, as {@code /proc/self/comm} has it. */
    public String command() {
        String name = called.substring(called.lastIndexOf('/') + 1);
        return name.length() > MOST ? name.substring(0, MOST) : name;
    }
}
