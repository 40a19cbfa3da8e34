// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.EnumSet;
import java.util.Set;

/** Formats the result of a call for comparison, without the numbers that differ between runs. */
final class CallAnswer {
    /** The calls whose first argument is a descriptor that is inspected afterwards. */
    private static final Set<JudgedCall> OF_DESCRIPTOR = EnumSet.of(
            JudgedCall.READ,
            JudgedCall.WRITE,
            JudgedCall.PREAD64,
            JudgedCall.PWRITE64,
            JudgedCall.READV,
            JudgedCall.WRITEV,
            JudgedCall.PREADV,
            JudgedCall.PWRITEV,
            JudgedCall.LSEEK,
            JudgedCall.FTRUNCATE,
            JudgedCall.FALLOCATE,
            JudgedCall.FCNTL,
            JudgedCall.FLOCK,
            JudgedCall.IOCTL,
            JudgedCall.DUP,
            JudgedCall.DUP3,
            JudgedCall.SENDFILE,
            JudgedCall.FCHMOD);

    private CallAnswer() {}

    static boolean showsDescriptor(JudgedCall call) {
        return OF_DESCRIPTOR.contains(call);
    }

    /** Returns the text of a result. Also stores the result, unless the task ended. */
    static String told(Step.Call call, String answer, long[] result, SeenNumbers seen) {
        try {
            result[0] = Long.parseLong(answer);
        } catch (NumberFormatException notANumber) {
            return answer;
        }
        return switch (call.call()) {
            case GETPID, GETPPID, GETTID, WAIT4, GETPGID, GETSID, SETSID, SET_TID_ADDRESS, CLONE ->
                result[0] < 0 ? answer : seen.process(result[0]);
            case GETCWD, READLINKAT ->
                call.arguments().contains(new Argument.Out(Structure.PATH)) && result[0] > 0 ? "path" : answer;
            case SHMGET -> result[0] < 0 ? answer : seen.segment(result[0]);
            case SHMAT ->
                !answer.startsWith("-") && call.arguments().get(1).equals(Vocabulary.n(0)) ? "address" : answer;
            case TIMES -> result[0] < 0 ? answer : "ticks";
            case GETDENTS64 -> result[0] > 0 ? "entries" : answer;
            default -> answer;
        };
    }
}
