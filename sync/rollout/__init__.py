"""From which side a page is answered, endpoint by endpoint: Airtable's word or ours."""
