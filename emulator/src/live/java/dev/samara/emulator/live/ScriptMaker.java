// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.List;

/** Makes a script from a seed: a subject, and sentences about it. */
final class ScriptMaker {
    private static final int MOST_TASKS = 6;

    private ScriptMaker() {}

    static List<Step> make(long seed) {
        Vocabulary v = new Vocabulary(seed);
        int subject = v.below(3);
        int length = 6 + v.below(24);
        Runnable sentence;
        if (subject == 0) {
            FutexSentences futexes = new FutexSentences(v);
            futexes.begin();
            sentence = futexes::add;
        } else if (subject == 1) {
            SegmentSentences segments = new SegmentSentences(v);
            segments.begin();
            sentence = segments::add;
        } else {
            MemorySentences memory = new MemorySentences(v);
            memory.begin();
            sentence = memory::add;
        }
        for (int i = 0; i < length && v.tasks() < MOST_TASKS; i++) {
            sentence.run();
        }
        return List.copyOf(v.steps());
    }
}
