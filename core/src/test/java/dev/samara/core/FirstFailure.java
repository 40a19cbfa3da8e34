// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * Ends a test class with its first failure, where each further test would wait to its limit for the threads that are
 * lost.
 */
public final class FirstFailure implements ExecutionCondition, TestWatcher {
    private static final String FAILED = "failed";

    private static Store store(ExtensionContext of) {
        return of.getRoot().getStore(Namespace.create(FirstFailure.class, of.getRequiredTestClass()));
    }

    @Override
    public void testFailed(ExtensionContext failed, @Nullable Throwable cause) {
        store(failed).put(FAILED, failed.getDisplayName());
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext next) {
        String failed = store(next).get(FAILED, String.class);
        return failed == null
                ? ConditionEvaluationResult.enabled("no test has failed")
                : ConditionEvaluationResult.disabled("a test has failed: " + failed);
    }
}
