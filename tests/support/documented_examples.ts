/** The examples of hooks and tasks from the Python system's documentation. */

export const documentedHooks = `hooks:
  - name: log-startup
    event: gateway:startup
    command: echo "Gateway started at \${CLARA_TIMESTAMP}"
    timeout: 30
  - name: notify-errors
    event: tool:error
    command: |
      curl -X POST https://webhook.example.com/notify \\
        -H "Content-Type: application/json" \\
        -d "\${CLARA_EVENT_DATA}"
    timeout: 10
`;

export const documentedTasks = `tasks:
  - name: cleanup-sessions
    type: interval
    interval: 3600  # Every hour
    command: python -m scripts.cleanup_sessions

  - name: daily-summary
    type: cron
    cron: "0 9 * * *"  # 9 AM daily
    command: python -m scripts.daily_summary

  - name: startup-check
    type: one_shot
    delay: 30  # 30 seconds after gateway starts
    command: curl http://localhost:8000/health
`;
