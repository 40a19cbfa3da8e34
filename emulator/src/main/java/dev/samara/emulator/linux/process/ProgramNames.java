// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

/**
 * The names of a process. Its arguments are in its memory.
 *
 * @param path the path of its file in the guest's file system
 * @param called a path whose last name is the name of the command; for a script, the path of the script, not of its
 *     interpreter
 */
public record ProgramNames(String path, String called) {
    /** The maximum size of a command's name in bytes, including its terminating null ({@code TASK_COMM_LEN}). */
    public static final int BYTES = 16;

    private static final int MOST = BYTES - 1;

    /** Returns the name of the command, as in {@code /proc/self/comm}. */
    public String command() {
        String name = called.substring(called.lastIndexOf('/') + 1);
        return name.length() > MOST ? name.substring(0, MOST) : name;
    }
}
