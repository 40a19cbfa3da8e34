// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.judge;

/**
 * The result of a load or a store.
 *
 * @param value the loaded value, zero-extended; 0 after a store or a fault
 * @param signal the number of the fault's signal; 0 if there was no fault
 * @param code the {@code si_code}
 * @param address the {@code si_addr}
 */
public record Access(long value, int signal, int code, long address) {
    private static final int SIGBUS = 7;
    private static final int SIGSEGV = 11;

    /** Parses an answer: a number, {@code ok}, or {@code !SIGNAL,CODE,ADDRESS}. */
    static Access parse(String answer) {
        if (answer.equals("ok")) {
            return new Access(0, 0, 0, 0);
        }
        if (!answer.startsWith("!")) {
            return new Access(Long.parseUnsignedLong(answer, 16), 0, 0, 0);
        }
        String[] parts = answer.substring(1).split(",", -1);
        return new Access(
                0,
                Integer.parseInt(parts[0], 16),
                Integer.parseUnsignedInt(parts[1], 16),
                Long.parseUnsignedLong(parts[2], 16));
    }

    /**
     * Returns whether the access succeeded.
     *
     * @return false after a fault
     */
    public boolean isDone() {
        return signal == 0;
    }

    @Override
    public String toString() {
        if (isDone()) {
            return Long.toHexString(value);
        }
        String name = signal == SIGBUS ? "BUS" : signal == SIGSEGV ? "SEGV" : "signal " + signal;
        return name + " code " + code + " at " + Long.toHexString(address);
    }
}
