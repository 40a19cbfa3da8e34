// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Skips the tests of an {@link Explored} class that are not in the share of this build. Tests are counted in the order
 * in which JUnit runs them, which is the same in each run of a whole class.
 *
 * <p>A second run of the same tests with different settings counts as one exploration: {@value #RUN} contains its name
 * and its number of parts, e.g. {@code divided/3}. JUnit finds this class as a service if automatic detection of
 * extensions is enabled.
 */
public final class ShareCondition implements ExecutionCondition {
    /** The property with the name and the number of parts of a run that counts as an exploration. */
    static final String RUN = "samara.explore.run";

    private static final ConditionEvaluationResult ENABLED = ConditionEvaluationResult.enabled("in this build's share");

    /** The share of a class, and the decision for each test so far, because JUnit may evaluate the condition twice. */
    private static final class Progress {
        private final Share share;
        private final Map<String, Boolean> met = new HashMap<>();

        Progress(Share share) {
            this.share = share;
        }

        synchronized boolean hasNext(String id) {
            return met.computeIfAbsent(id, any -> share.has(met.size()));
        }
    }

    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(ShareCondition.class);

    /** Called by JUnit. */
    public ShareCondition() {}

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        if (!isTest(context)) {
            return ENABLED;
        }
        int parts = AnnotationSupport.findAnnotation(context.getRequiredTestMethod(), Explored.class)
                .or(() -> AnnotationSupport.findAnnotation(context.getRequiredTestClass(), Explored.class))
                .map(Explored::value)
                .orElseGet(() -> partsOfRun(System.getProperty(RUN, "")));
        if (parts == 1) {
            return ENABLED;
        }
        Class<?> type = context.getRequiredTestClass();
        Map<Integer, Progress> shares = shares(context);
        Progress progress = shares.computeIfAbsent(parts, of -> new Progress(Share.of(type.getSimpleName(), of)));
        return progress.hasNext(context.getUniqueId())
                ? ENABLED
                : ConditionEvaluationResult.disabled("not in this build's share: " + progress.share);
    }

    /** Returns the number of parts in the value of {@link #RUN}, or 1 if it is empty. */
    private static int partsOfRun(String run) {
        return Integer.parseInt(run.isEmpty() ? "1" : run.substring(run.indexOf('/') + 1));
    }

    /**
     * Returns the progress of a class by number of parts. It is in the root's store, so that all tests of a class share
     * it.
     */
    @SuppressWarnings("unchecked")
    private static Map<Integer, Progress> shares(ExtensionContext context) {
        return (Map<Integer, Progress>) context.getRoot()
                .getStore(NAMESPACE)
                .computeIfAbsent(context.getRequiredTestClass(), type -> new ConcurrentHashMap<Integer, Progress>());
    }

    /**
     * Returns whether a node is a test or an invocation of a parameterized test, not the container of such invocations.
     */
    private static boolean isTest(ExtensionContext context) {
        String id = context.getUniqueId();
        String last = id.substring(id.lastIndexOf("/[") + 1);
        return last.startsWith("[method:") || last.startsWith("[test-template-invocation:");
    }
}
